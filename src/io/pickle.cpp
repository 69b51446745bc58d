// SPDX-License-Identifier: Apache-2.0
#include "pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdio>
#include <optional>

#include "assemble/core/error.h"

namespace assemble::pickle {
namespace {

using Kind = Value::Kind;

constexpr size_t kMemoLimit = size_t{1} << 22;
constexpr const char* kHint =
    "only tensors in dictionaries are read, and no code is run: save torch.save(model.state_dict(), FILE)";

/// Opcodes of Python's Lib/pickletools.py.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyTuple = ')',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

constexpr std::array<std::pair<const char*, DataType>, 10> kStorages{{{"torch.FloatStorage", DataType::kF32},
                                                                      {"torch.DoubleStorage", DataType::kF64},
                                                                      {"torch.HalfStorage", DataType::kF16},
                                                                      {"torch.BFloat16Storage", DataType::kBF16},
                                                                      {"torch.LongStorage", DataType::kI64},
                                                                      {"torch.IntStorage", DataType::kI32},
                                                                      {"torch.ShortStorage", DataType::kI16},
                                                                      {"torch.CharStorage", DataType::kI8},
                                                                      {"torch.ByteStorage", DataType::kU8},
                                                                      {"torch.BoolStorage", DataType::kBool}}};
constexpr const char* kOrderedDict = "collections.OrderedDict";
constexpr const char* kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr const char* kRebuildParameter = "torch._utils._rebuild_parameter";

std::optional<DataType> storage_type(const std::string& name) {
  for (const auto& [known, type] : kStorages) {
    if (name == known) return type;
  }
  return std::nullopt;
}

bool is_known(const std::string& name) {
  return name == kOrderedDict || name == kRebuildTensor || name == kRebuildParameter || storage_type(name).has_value();
}

std::string show_opcode(uint8_t opcode) {
  char text[8];
  std::snprintf(text, sizeof(text), opcode > ' ' && opcode < 0x7f ? "'%c'" : "0x%02x", opcode);
  return text;
}

}  // namespace

void Unpickler::fail(const std::string& what) const {
  throw InputError(concat(where_, " at offset ", start_), concat("opcode ", show_opcode(opcode_), " ", what), kHint);
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
    if (opcode_ == kStop) break;
    step(opcode_);
  }
  return *pop();
}

void Unpickler::step(uint8_t opcode) {
  switch (opcode) {
    case kProto:
      number(1);
      return;
    case kFrame:
      number(8);
      return;
    case kMark:
      marks_.push_back(stack_.size());
      return;
    case kGlobal: {
      const std::string module = line();
      push_global(module, line());
      return;
    }
    case kStackGlobal: {
      const Value* name = pop();
      const Value* module = pop();
      if (name->kind != Kind::kString || module->kind != Kind::kString) fail("takes two strings");
      push_global(module->text, name->text);
      return;
    }
    default:
      if (remember(opcode)) return;
      push_literal(opcode);
  }
}

/// Opcodes of the memo, by which pickles name what they built before.
bool Unpickler::remember(uint8_t opcode) {
  const bool one_byte = opcode == kBinPut || opcode == kBinGet;
  switch (opcode) {
    case kBinPut:
    case kLongBinPut:
    case kMemoize: {
      const uint64_t index = opcode == kMemoize ? memo_.size() : number(one_byte ? 1 : 4);
      if (index > memo_.size() + 256 || index >= kMemoLimit) fail(concat("names the place ", index, " of the memo"));
      if (stack_.empty()) fail("finds an empty stack");
      if (index >= memo_.size()) memo_.resize(index + 1);
      memo_[index] = stack_.back();
      return true;
    }
    case kBinGet:
    case kLongBinGet: {
      const uint64_t index = number(one_byte ? 1 : 4);
      if (index >= memo_.size() || memo_[index] == nullptr)
        fail(concat("names the empty place ", index, " of the memo"));
      stack_.push_back(memo_[index]);
      return true;
    }
    default:
      return false;
  }
}

void Unpickler::push_literal(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      make(Kind::kNone);
      return;
    case kNewTrue:
    case kNewFalse:
      make(Kind::kBool).number = opcode == kNewTrue;
      return;
    case kBinInt:
      return push_int(static_cast<int32_t>(number(4)));
    case kBinInt1:
      return push_int(static_cast<int64_t>(number(1)));
    case kBinInt2:
      return push_int(static_cast<int64_t>(number(2)));
    case kLong1:
      return push_long(number(1));
    case kLong4:
      return push_long(number(4));
    case kBinFloat: {
      uint64_t bits = number(8);
      bits = __builtin_bswap64(bits);  // the one number that pickles store from its high end
      make(Kind::kFloat).real = std::bit_cast<double>(bits);
      return;
    }
    case kShortBinUnicode:
      return push_text(number(1));
    case kBinUnicode:
      return push_text(number(4));
    case kBinUnicode8:
      return push_text(number(8));
    case kEmptyTuple:
      make(Kind::kTuple);
      return;
    case kEmptyList:
      make(Kind::kList);
      return;
    case kEmptyDict:
      make(Kind::kDict);
      return;
    default:
      build(opcode);
  }
}

void Unpickler::build(uint8_t opcode) {
  switch (opcode) {
    case kTuple1:
    case kTuple2:
    case kTuple3:
      return push_tuple(opcode - kTuple1 + size_t{1});
    case kTuple: {
      std::vector<const Value*> items = pop_to_mark();
      make(Kind::kTuple).items = std::move(items);
      return;
    }
    case kAppend: {
      const Value* item = pop();
      top(Kind::kList, "a list").items.push_back(item);
      return;
    }
    case kAppends: {
      const std::vector<const Value*> items = pop_to_mark();
      Value& list = top(Kind::kList, "a list");
      list.items.insert(list.items.end(), items.begin(), items.end());
      return;
    }
    case kSetItem: {
      const Value* value = pop();
      const Value* key = pop();
      return set_items({key, value});
    }
    case kSetItems:
      return set_items(pop_to_mark());
    case kBuild: {
      const Value* state = pop();  // attributes, such as a state dictionary's _metadata
      if (state->kind != Kind::kDict) fail("takes a dictionary of attributes");
      top(Kind::kDict, "an OrderedDict");
      return;
    }
    case kReduce:
      return call();
    case kBinPersId:
      return make_storage();
    default:
      fail("is not allowed");
  }
}

uint64_t Unpickler::number(size_t bytes) {
  if (bytes > bytes_.size() - position_) fail("is cut off");
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= static_cast<uint64_t>(bytes_[position_ + i]) << (8 * i);
  position_ += bytes;
  return value;
}

std::string Unpickler::text(uint64_t length) {
  if (length > bytes_.size() - position_) fail(concat("names a text of ", length, " bytes, more than there are"));
  const auto* begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
  position_ += length;
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
  Value& value = values_.emplace_back();
  value.kind = kind;
  stack_.push_back(&value);
  return value;
}

void Unpickler::push_int(int64_t value) { make(Kind::kInt).number = value; }

void Unpickler::push_text(uint64_t length) {
  std::string found = text(length);
  make(Kind::kString).text = std::move(found);
}

/// A whole number of any length; those beyond 64 bits (the legacy file's magic) are kept as their bytes.
void Unpickler::push_long(uint64_t length) {
  if (length > 8) {
    push_text(length);
    return;
  }
  uint64_t bits = number(length);
  if (length > 0 && length < 8 && (bits >> (8 * length - 1)) != 0) bits |= ~uint64_t{0} << (8 * length);
  push_int(static_cast<int64_t>(bits));
}

void Unpickler::push_global(const std::string& module, const std::string& name) {
  std::string full = concat(module, ".", name);
  if (!is_known(full)) fail(concat("names '", full, "', which is not allowed"));
  make(Kind::kGlobal).text = std::move(full);
}

const Value* Unpickler::pop() {
  if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back())) fail("finds an empty stack");
  const Value* value = stack_.back();
  stack_.pop_back();
  return value;
}

Value& Unpickler::top(Kind kind, const char* wanted) {
  if (stack_.empty() || stack_.back()->kind != kind) fail(concat("needs ", wanted, " on the stack"));
  return const_cast<Value&>(*stack_.back());  // every value lies in values_
}

std::vector<const Value*> Unpickler::pop_to_mark() {
  if (marks_.empty()) fail("finds no mark");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  marks_.pop_back();
  std::vector<const Value*> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  return items;
}

void Unpickler::push_tuple(size_t count) {
  std::vector<const Value*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = pop();
  make(Kind::kTuple).items = std::move(items);
}

void Unpickler::set_items(const std::vector<const Value*>& flat) {
  if (flat.size() % 2 != 0) fail("takes pairs of key and value");
  Value& dict = top(Kind::kDict, "a dictionary");
  for (size_t i = 0; i < flat.size(); i += 2) dict.entries.emplace_back(flat[i], flat[i + 1]);
}

void Unpickler::call() {
  const Value* arguments = pop();
  const Value* function = pop();
  if (arguments->kind != Kind::kTuple || function->kind != Kind::kGlobal) fail("takes a name and a tuple");
  if (function->text == kOrderedDict) {
    if (!arguments->items.empty()) fail("makes an OrderedDict, expected no arguments");
    make(Kind::kDict);
  } else if (function->text == kRebuildTensor) {
    make_tensor(arguments->items);
  } else if (function->text == kRebuildParameter) {
    if (arguments->items.empty() || arguments->items[0]->kind != Kind::kTensor) fail("makes a parameter of no tensor");
    stack_.push_back(arguments->items[0]);
  } else {
    fail(concat("calls '", function->text, "', which is not allowed"));
  }
}

/// ('storage', storage type, key, place, elements) and, in legacy files, a view, which must be none.
void Unpickler::make_storage() {
  const Value* id = pop();
  const std::vector<const Value*>& parts = id->items;
  const bool fits = id->kind == Kind::kTuple && parts.size() >= 5 && parts[0]->kind == Kind::kString &&
                    parts[0]->text == "storage" && parts[1]->kind == Kind::kGlobal && parts[2]->kind == Kind::kString &&
                    parts[4]->kind == Kind::kInt && parts[4]->number >= 0;
  if (!fits || !storage_type(parts[1]->text)) fail("names no storage");
  if (parts.size() > 5 && parts[5]->kind != Kind::kNone) fail("names a view of a storage, which is not supported");
  Value& storage = make(Kind::kStorage);
  storage.tensor.type = *storage_type(parts[1]->text);
  storage.tensor.storage = parts[2]->text;
  storage.tensor.storage_size = static_cast<uint64_t>(parts[4]->number);
}

std::vector<int64_t> Unpickler::extents(const Value& tuple) const {
  if (tuple.kind != Kind::kTuple || tuple.items.size() > 16) fail("makes a tensor whose shape is no short tuple");
  std::vector<int64_t> numbers;
  for (const Value* item : tuple.items) {
    if (item->kind != Kind::kInt || item->number < 0) fail("makes a tensor of a shape that holds no size");
    numbers.push_back(item->number);
  }
  return numbers;
}

/// (storage, offset, shape, strides, requires_grad, backward_hooks, …)
void Unpickler::make_tensor(const std::vector<const Value*>& arguments) {
  if (arguments.size() < 4 || arguments[0]->kind != Kind::kStorage || arguments[1]->kind != Kind::kInt ||
      arguments[1]->number < 0) {
    fail("makes a tensor of other arguments than a storage, an offset, a shape and strides");
  }
  TensorSpec spec = arguments[0]->tensor;
  spec.offset = static_cast<uint64_t>(arguments[1]->number);
  spec.shape = extents(*arguments[2]);
  spec.strides = extents(*arguments[3]);
  if (spec.shape.size() != spec.strides.size()) fail("makes a tensor with more or fewer strides than extents");
  make(Kind::kTensor).tensor = std::move(spec);
}

}  // namespace assemble::pickle
