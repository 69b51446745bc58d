// SPDX-License-Identifier: Apache-2.0
#include "builders/mat_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <span>

#include "assemble/core/error.h"
#include "assemble/io/inflate.h"

namespace assemble::raw {
namespace {

static_assert(std::endian::native == std::endian::little, "values are read as they are stored");

// Of a file and of an inflated variable; published ones have 10 MB at most.
constexpr uint64_t kLargestFile = uint64_t{1} << 26;
constexpr size_t kHeader = 128;
constexpr int kMaxDepth = 16;
constexpr uint32_t kMatrix = 14, kCompressed = 15;

template <typename Value>
Value value_at(std::span<const uint8_t> bytes, size_t index) {
  Value value;
  std::memcpy(&value, bytes.data() + index * sizeof(Value), sizeof(Value));
  return value;
}

struct Element {
  uint32_t type = 0;
  std::span<const uint8_t> data;
};

/// Walks through elements that lie one after the other.
class Elements {
 public:
  Elements(std::span<const uint8_t> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  bool ended() const { return bytes_.size() < 8; }

  Element next() {
    if (ended()) fail("an element is missing");
    const auto word = value_at<uint32_t>(bytes_, 0);
    // Up to four bytes stand in the tag itself, their number in its upper half.
    if (const uint32_t size = word >> 16; size != 0) {
      if (size > 4) fail(concat("a short element of ", size, " bytes"));
      const Element element{word & 0xFFFF, bytes_.subspan(4, size)};
      bytes_ = bytes_.subspan(8);
      return element;
    }
    const size_t size = value_at<uint32_t>(bytes_, 1);
    if (size > bytes_.size() - 8) fail(concat("an element of ", size, " bytes where ", bytes_.size() - 8, " are left"));
    const Element element{word, bytes_.subspan(8, size)};
    const size_t padded = word == kCompressed ? size : (size + 7) / 8 * 8;
    bytes_ = bytes_.subspan(std::min(8 + padded, bytes_.size()));
    return element;
  }

  Element next(uint32_t type) {
    const Element element = next();
    if (element.type != type) fail(concat("an element of type ", element.type, ", expected ", type));
    return element;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(where_, "damaged .mat file: " + what, "copy the file again");
  }

 private:
  std::span<const uint8_t> bytes_;
  const std::string& where_;
};

template <typename Stored>
std::vector<double> convert(std::span<const uint8_t> bytes) {
  std::vector<double> numbers(bytes.size() / sizeof(Stored));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(value_at<Stored>(bytes, i));
  return numbers;
}

/// Numbers in whatever type they are stored, which need not be that of the array.
std::vector<double> numbers_of(const Element& element, const Elements& at) {
  switch (element.type) {
    case 1:
      return convert<int8_t>(element.data);
    case 2:
    case 16:  // UTF-8
      return convert<uint8_t>(element.data);
    case 3:
      return convert<int16_t>(element.data);
    case 4:
    case 17:  // UTF-16
      return convert<uint16_t>(element.data);
    case 5:
      return convert<int32_t>(element.data);
    case 6:
    case 18:  // UTF-32
      return convert<uint32_t>(element.data);
    case 7:
      return convert<float>(element.data);
    case 9:
      return convert<double>(element.data);
    case 12:
      return convert<int64_t>(element.data);
    case 13:
      return convert<uint64_t>(element.data);
    default:
      at.fail(concat("numbers of type ", element.type));
  }
}

void append_utf8(uint32_t code, std::string& text) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
  } else {
    text += {static_cast<char>(0xE0 | ((code >> 12) & 0x0F)), static_cast<char>(0x80 | ((code >> 6) & 0x3F)),
             static_cast<char>(0x80 | (code & 0x3F))};
  }
}

std::string text_of(const Element& element, const Elements& at) {
  constexpr uint32_t kUtf8 = 16;
  if (element.type == kUtf8) return {element.data.begin(), element.data.end()};
  std::string text;
  for (const double code : numbers_of(element, at)) {
    if (!(code >= 0 && (code < 0xD800 || (code > 0xDFFF && code <= 0xFFFF)))) at.fail("an unusual character");
    append_utf8(static_cast<uint32_t>(code), text);
  }
  return text;
}

size_t count_of(const Element& dimensions, const Elements& at) {
  size_t count = 1;
  for (size_t i = 0; i < dimensions.data.size() / 4; ++i) {
    const auto size = value_at<uint32_t>(dimensions.data, i);
    if (size != 0 && count > kLargestFile / size) at.fail("an array larger than the file can be");
    count *= size;
  }
  return count;
}

std::vector<std::string> field_names(Elements& parts) {
  const Element length = parts.next(5);
  const Element names = parts.next(1);
  const size_t width = length.data.size() == 4 ? value_at<uint32_t>(length.data, 0) : 0;
  if (width == 0 || names.data.size() % width != 0) parts.fail("field names without a length");
  std::vector<std::string> fields;
  for (size_t begin = 0; begin < names.data.size(); begin += width) {
    const auto name = names.data.subspan(begin, width);
    fields.emplace_back(name.begin(), std::find(name.begin(), name.end(), '\0'));
  }
  return fields;
}

/// @param name set to the variable's, empty for those inside others
MatArray parse_array(std::span<const uint8_t> bytes, const std::string& where, std::string& name, int depth);

std::vector<MatArray> parse_children(Elements& parts, size_t count, const std::string& where, int depth) {
  if (depth >= kMaxDepth) parts.fail(concat("nested more than ", kMaxDepth, " deep"));
  std::vector<MatArray> children;
  for (size_t i = 0; i < count; ++i) {
    std::string name;
    children.push_back(parse_array(parts.next(kMatrix).data, where, name, depth + 1));
  }
  return children;
}

MatArray parse_array(std::span<const uint8_t> bytes, const std::string& where, std::string& name, int depth) {
  enum { kCell = 1, kStruct = 2, kChar = 4, kDouble = 6, kLastNumeric = 15 };  // classes
  MatArray array;
  if (bytes.empty()) return array;
  Elements parts(bytes, where);
  const Element flags = parts.next(6);
  if (flags.data.size() != 8) parts.fail("array flags of another length than 8 bytes");
  const int kind = flags.data[0];
  const bool is_numeric = kind >= kDouble && kind <= kLastNumeric;
  if (!is_numeric && kind != kCell && kind != kStruct && kind != kChar) return array;  // its parts are others
  array.count = count_of(parts.next(5), parts);
  const Element stored_name = parts.next(1);
  name.assign(stored_name.data.begin(), stored_name.data.end());
  if (kind == kCell) {
    array.kind = MatArray::Kind::kCells;
    array.children = parse_children(parts, array.count, where, depth);
  } else if (kind == kStruct) {
    array.kind = MatArray::Kind::kStructs;
    array.fields = field_names(parts);
    array.children = parse_children(parts, array.count * array.fields.size(), where, depth);
  } else if (kind == kChar) {
    array.kind = MatArray::Kind::kText;
    array.text = text_of(parts.next(), parts);
  } else {
    array.kind = MatArray::Kind::kNumbers;
    array.numbers = numbers_of(parts.next(), parts);
    if (array.numbers.size() != array.count) parts.fail(concat(array.numbers.size(), " of ", array.count, " numbers"));
  }
  return array;
}

Bytes read_published(const fs::path& path) {
  if (!fs::exists(path)) {
    throw InputError(path.string(), "missing",
                     "`raw` is the folder with the files as they were published and unpacked");
  }
  return read_file(path, kLargestFile);
}

void require_level_5(std::span<const uint8_t> bytes, const std::string& where) {
  constexpr std::string_view kHdf5 = "\x89HDF";
  constexpr size_t kVersion = 124;
  const bool newer = bytes.size() > 516 && std::memcmp(&bytes[512], kHdf5.data(), kHdf5.size()) == 0;
  if (bytes.size() < kHeader || newer || std::memcmp(&bytes[kVersion], "\0\1IM", 4) != 0) {
    throw InputError(where, "is no .mat file of level 5, little-endian",
                     newer ? "save it in MATLAB with save(..., '-v7')" : "copy it again");
  }
}

}  // namespace

MatFile::MatFile(const fs::path& path) : MatFile(read_published(path), path.string()) {}

MatFile::MatFile(std::span<const uint8_t> bytes, std::string file) : where_(std::move(file)) {
  require_level_5(bytes, where_);
  const std::string& where = where_;
  Elements elements(bytes.subspan(kHeader), where);
  while (!elements.ended()) {
    Element element = elements.next();
    Bytes inflated;
    if (element.type == kCompressed) {
      inflated = inflate_bytes(element.data, where, kLargestFile);
      element = Elements(inflated, where).next();
    }
    if (element.type != kMatrix) continue;
    std::string name;
    MatArray array = parse_array(element.data, where, name, 0);
    variables_.insert_or_assign(std::move(name), std::make_shared<const MatArray>(std::move(array)));
  }
}

MatVariable MatFile::read(const std::string& name) const {
  const std::string where = where_ + ": " + name;
  const auto variable = variables_.find(name);
  if (variable == variables_.end())
    throw InputError(where, "there is no such variable", "is it the file that was published under this name?");
  return {variable->second, where};
}

std::vector<double> MatVariable::numbers() const {
  if (array_->kind != MatArray::Kind::kNumbers || array_->count == 0) throw InputError(where_, "holds no numbers");
  return array_->numbers;
}

bool MatVariable::has(const char* name) const {
  return array_->kind == MatArray::Kind::kStructs &&
         std::find(array_->fields.begin(), array_->fields.end(), name) != array_->fields.end();
}

const MatArray& MatVariable::field(size_t index, const char* name) const {
  const auto found = std::find(array_->fields.begin(), array_->fields.end(), name);
  if (array_->kind != MatArray::Kind::kStructs || index >= size() || found == array_->fields.end()) {
    throw InputError(where_, concat("element ", index + 1, " has no field '", name, "'"));
  }
  return array_->children[index * array_->fields.size() + static_cast<size_t>(found - array_->fields.begin())];
}

int64_t MatVariable::integer(size_t index, const char* name) const {
  const MatArray& array = field(index, name);
  if (array.numbers.size() != 1 || !(std::abs(array.numbers[0]) < 1e15)) {
    throw InputError(where_, concat("element ", index + 1, ": '", name, "' is no number"));
  }
  return std::llround(array.numbers[0]);
}

std::string MatVariable::text(size_t index, const char* name) const {
  const MatArray& array = field(index, name);
  if (array.kind != MatArray::Kind::kText) {
    throw InputError(where_, concat("element ", index + 1, ": '", name, "' is no text"));
  }
  return array.text;
}

std::string MatVariable::cell_text(size_t index) const {
  const bool is_cell = array_->kind == MatArray::Kind::kCells && index < size();
  if (!is_cell || array_->children[index].kind != MatArray::Kind::kText) {
    throw InputError(where_, concat("element ", index + 1, " is no text"));
  }
  return array_->children[index].text;
}

}  // namespace assemble::raw
