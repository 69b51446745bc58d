// SPDX-License-Identifier: Apache-2.0
#include "pickle.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "assemble/core/error.h"
#include "pickle_opcodes.h"

namespace assemble::pickle {
namespace {

using Kind = Value::Kind;

// One byte can ask for an object of a hundred. Pickles of PyTorch stay below ten bytes of memory for each of theirs.
constexpr size_t kMemoryFactor = 32;
constexpr size_t kMemoryAlways = size_t{64} << 20;
constexpr size_t kMemoryLimit = size_t{1} << 31;
constexpr size_t kMemoCost = 64;
constexpr const char* kHint =
    "only tensors in dictionaries are read, and no code is run: save torch.save(model.state_dict(), FILE)";

std::string show_opcode(uint8_t opcode) {
  char text[8];
  std::snprintf(text, sizeof(text), opcode > ' ' && opcode < 0x7f ? "'%c'" : "0x%02x", opcode);
  return text;
}

/// What stands between the quotes of Python 2's repr() of a string.
std::string unquote(const std::string& quoted) {
  std::string plain;
  for (size_t i = 1; i + 1 < quoted.size(); ++i) {
    if (quoted[i] != '\\' || i + 2 >= quoted.size()) {
      plain += quoted[i];
      continue;
    }
    const char escaped = quoted[++i];
    unsigned code = 0;
    if (escaped == 'x' && i + 3 < quoted.size() &&
        std::from_chars(&quoted[i + 1], &quoted[i + 3], code, 16).ptr == &quoted[i + 3]) {
      plain += static_cast<char>(code);
      i += 2;
    } else {
      plain += escaped == 'n' ? '\n' : escaped == 'r' ? '\r' : escaped == 't' ? '\t' : escaped;
    }
  }
  return plain;
}

/// Strings of Python 2 have no encoding; this one takes any bytes, and names are ASCII in all of them.
std::string from_latin1(const std::string& bytes) {
  std::string text;
  for (const char byte : bytes) {
    const auto code = static_cast<uint8_t>(byte);
    if (code >= 0x80) text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(code < 0x80 ? code : 0x80 | (code & 0x3F));
  }
  return text;
}

}  // namespace

Unpickler::Unpickler(std::span<const uint8_t> bytes, std::string where)
    : bytes_(bytes),
      where_(std::move(where)),
      budget_(std::min(kMemoryLimit, kMemoryAlways + kMemoryFactor * std::min(bytes.size(), kMemoryLimit))) {}

void Unpickler::fail(const std::string& what) const {
  throw InputError(concat(where_, " at offset ", start_), concat("opcode ", show_opcode(opcode_), " ", what), kHint);
}

/// Takes memory from what a pickle of this size may use.
void Unpickler::charge(size_t bytes) {
  if (bytes > budget_) fail(concat("asks for more memory than a pickle of ", bytes_.size(), " bytes may take"));
  budget_ -= bytes;
}

const Value& Unpickler::load() {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  while (true) {
    start_ = position_;
    opcode_ = 0;
    if (position_ == bytes_.size()) {
      throw InputError(concat(where_, " at offset ", start_), "ends before the pickle's STOP",
                       "the file is damaged or incomplete: copy it again");
    }
    opcode_ = bytes_[position_++];
    if (opcode_ == kStop) return *pop();
    const bool known = frame(opcode_) || remember(opcode_) || push_constant(opcode_) || push_number(opcode_) ||
                       push_string(opcode_) || build_container(opcode_) || fill_container(opcode_) ||
                       name_or_call(opcode_);
    if (!known) fail("is not allowed");
  }
}

bool Unpickler::frame(uint8_t opcode) {
  switch (opcode) {
    case kProto:
      number(1);
      return true;
    case kFrame:
      number(8);
      return true;
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kPop:
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return true;
    case kPopMark:
      pop_to_mark();
      return true;
    case kDup:
      if (stack_.empty()) fail("finds an empty stack");
      stack_.push_back(stack_.back());
      return true;
    default:
      return false;
  }
}

/// Opcodes of the memo, by which pickles name what they built before.
bool Unpickler::remember(uint8_t opcode) {
  switch (opcode) {
    case kPut:
      return put(memo_index(line())), true;
    case kBinPut:
      return put(number(1)), true;
    case kLongBinPut:
      return put(number(4)), true;
    case kMemoize:
      return put(memo_.size()), true;
    case kGet:
      return get(memo_index(line())), true;
    case kBinGet:
      return get(number(1)), true;
    case kLongBinGet:
      return get(number(4)), true;
    default:
      return false;
  }
}

uint64_t Unpickler::memo_index(const std::string& digits) const {
  uint64_t index = 0;
  const char* const end = digits.data() + digits.size();
  if (std::from_chars(digits.data(), end, index).ptr != end || digits.empty()) fail("names no place of the memo");
  return index;
}

void Unpickler::put(uint64_t index) {
  if (stack_.empty()) fail("finds an empty stack");
  if (memo_.insert_or_assign(index, stack_.back()).second) charge(kMemoCost);
}

void Unpickler::get(uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) fail(concat("names the empty place ", index, " of the memo"));
  stack_.push_back(found->second);
}

bool Unpickler::push_constant(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      return share(Kind::kNone), true;
    case kNewTrue:
    case kNewFalse:
      return share(Kind::kBool, opcode == kNewTrue), true;
    case kEmptyTuple:
      return share(Kind::kTuple), true;
    case kFloat:
      line();
      return share(Kind::kFloat), true;
    case kBinFloat:
      skip(8);
      return share(Kind::kFloat), true;
    case kShortBinBytes:
      skip(number(1));
      return share(Kind::kBytes), true;
    case kBinBytes:
      skip(number(4));
      return share(Kind::kBytes), true;
    case kBinBytes8:
    case kByteArray8:
      skip(number(8));
      return share(Kind::kBytes), true;
    default:
      return false;
  }
}

bool Unpickler::push_number(uint8_t opcode) {
  switch (opcode) {
    case kBinInt:
      return push_int(static_cast<int32_t>(number(4))), true;
    case kBinInt1:
      return push_int(static_cast<int64_t>(number(1))), true;
    case kBinInt2:
      return push_int(static_cast<int64_t>(number(2))), true;
    case kLong1:
      return push_long(number(1)), true;
    case kLong4:
      return push_long(number(4)), true;
    case kInt:
    case kLong:
      return push_decimal(line()), true;
    default:
      return false;
  }
}

bool Unpickler::push_string(uint8_t opcode) {
  switch (opcode) {
    case kShortBinUnicode:
      return push_text(text(number(1))), true;
    case kBinUnicode:
      return push_text(text(number(4))), true;
    case kBinUnicode8:
      return push_text(text(number(8))), true;
    case kShortBinString:
      return push_text(from_latin1(text(number(1)))), true;
    case kBinString:
      return push_text(from_latin1(text(number(4)))), true;
    case kString:
      return push_text(from_latin1(unquote(line()))), true;
    case kUnicode:
      return push_text(from_latin1(line())), true;
    default:
      return false;
  }
}

bool Unpickler::build_container(uint8_t opcode) {
  switch (opcode) {
    case kTuple1:
    case kTuple2:
    case kTuple3:
      return push_tuple(opcode - kTuple1 + size_t{1}), true;
    case kTuple:
    case kList:
    case kFrozenSet: {
      const std::vector<const Value*> items = pop_to_mark();
      append(make(opcode == kTuple ? Kind::kTuple : Kind::kList), items);
      return true;
    }
    case kEmptyList:
    case kEmptySet:
      make(Kind::kList);
      return true;
    case kEmptyDict:
      make(Kind::kDict);
      return true;
    case kDict: {
      const std::vector<const Value*> flat = pop_to_mark();
      make(Kind::kDict);
      set_items(flat);
      return true;
    }
    default:
      return false;
  }
}

bool Unpickler::fill_container(uint8_t opcode) {
  switch (opcode) {
    case kAppend: {
      const Value* item = pop();
      return append(top({Kind::kList, Kind::kObject}, "a list"), {item}), true;
    }
    case kAppends:
    case kAddItems: {
      const std::vector<const Value*> items = pop_to_mark();
      return append(top({Kind::kList, Kind::kObject}, "a list"), items), true;
    }
    case kSetItem: {
      const Value* value = pop();
      const Value* key = pop();
      return set_items({key, value}), true;
    }
    case kSetItems:
      return set_items(pop_to_mark()), true;
    case kBuild:
      return build(), true;
    default:
      return false;
  }
}

bool Unpickler::name_or_call(uint8_t opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string module = line();
      return push_global(module, line()), true;
    }
    case kStackGlobal:
      return push_stacked_global(), true;
    case kReduce:
      return call(), true;
    case kNewObjEx:
      pop();  // keyword arguments
      return call(), true;
    case kNewObj:
      return call(), true;
    case kObj:
    case kInst:
      return new_object(), true;
    case kBinPersId:
      return make_storage(), true;
    default:
      return false;
  }
}

uint64_t Unpickler::number(size_t bytes) {
  if (bytes > bytes_.size() - position_) fail("is cut off");
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(bytes_[position_ + i]) << (8 * i);
  position_ += bytes;
  return value;
}

void Unpickler::skip(uint64_t length) {
  if (length > bytes_.size() - position_) fail(concat("names ", length, " bytes, more than there are"));
  position_ += length;
}

std::string Unpickler::text(uint64_t length) {
  const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
  skip(length);
  return {begin, length};
}

std::string Unpickler::line() {
  const auto rest = bytes_.subspan(position_);
  const auto end = std::find(rest.begin(), rest.end(), '\n');
  if (end == rest.end()) fail("is cut off");
  std::string found = text(static_cast<uint64_t>(end - rest.begin()));
  ++position_;
  return found;
}

Value& Unpickler::make(Kind kind) {
  charge(sizeof(Value));
  Value& value = values_.emplace_back();
  value.kind = kind;
  stack_.push_back(&value);
  return value;
}

void Unpickler::share(Kind kind, int64_t number) {
  Value& value = shared_[{kind, number}];
  value.kind = kind;
  value.number = number;
  stack_.push_back(&value);
}

void Unpickler::push_int(int64_t value) {
  if (value >= 0 && value < 256) return share(Kind::kInt, value);
  make(Kind::kInt).number = value;
}

void Unpickler::push_text(std::string value) {
  charge(value.size());
  make(Kind::kString).text = std::move(value);
}

/// Digits, as protocols 0 and 1 write numbers: 12, 12L, and 00 and 01 for False and True.
void Unpickler::push_decimal(std::string digits) {
  if (digits == "00" || digits == "01") return share(Kind::kBool, digits == "01");
  if (digits.ends_with('L')) digits.pop_back();
  int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error == std::errc::result_out_of_range) return push_text(std::move(digits));
  if (error != std::errc() || stop != end) fail("holds no whole number");
  push_int(value);
}

/// A whole number of any length; those beyond 64 bits (the legacy file's magic) are kept as their bytes.
void Unpickler::push_long(uint64_t length) {
  if (length > 8) return push_text(text(length));
  uint64_t bits = number(length);
  if (length > 0 && length < 8 && (bits >> (8 * length - 1)) != 0) bits |= ~uint64_t{0} << (8 * length);
  push_int(static_cast<int64_t>(bits));
}

void Unpickler::push_stacked_global() {
  const Value* name = pop();
  const Value* module = pop();
  if (name->kind != Kind::kString || module->kind != Kind::kString) fail("takes two strings");
  push_global(module->text, name->text);
}

}  // namespace assemble::pickle
