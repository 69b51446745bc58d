// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/file_kind.h"
#include "shape.h"

namespace assemble {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "files are read and written in the processor's byte order");

constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kHeaderLimit = uint64_t{100} << 20;
constexpr int kDepthLimit = 4;  // header, tensor, shape
constexpr const char* kMetadata = "__metadata__";
constexpr const char* kDamaged = "the file is damaged, was cut off or is not a safetensors file";

struct TypeInfo {
  DataType type;
  const char* name;
  int64_t size;
};

constexpr std::array kTypes{
    TypeInfo{DataType::kBool, "BOOL", 1}, TypeInfo{DataType::kU8, "U8", 1},     TypeInfo{DataType::kI8, "I8", 1},
    TypeInfo{DataType::kI16, "I16", 2},   TypeInfo{DataType::kU16, "U16", 2},   TypeInfo{DataType::kI32, "I32", 4},
    TypeInfo{DataType::kU32, "U32", 4},   TypeInfo{DataType::kI64, "I64", 8},   TypeInfo{DataType::kU64, "U64", 8},
    TypeInfo{DataType::kF16, "F16", 2},   TypeInfo{DataType::kBF16, "BF16", 2}, TypeInfo{DataType::kF32, "F32", 4},
    TypeInfo{DataType::kF64, "F64", 8}};

const TypeInfo& type_info(DataType type) { return kTypes.at(static_cast<size_t>(type)); }

/// Turns the header's JSON into entries, and holds them against the size of the data section.
class HeaderParser {
 public:
  HeaderParser(const fs::path& path, uint64_t data_size) : path_(path), data_size_(data_size) {}

  std::map<std::string, TensorEntry> tensors;
  std::map<std::string, std::string> metadata;

  void parse(const Bytes& text) {
    const json header = parse_json(text);
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadata) {
        parse_metadata(value);
      } else {
        tensors.emplace(name, parse_entry(name, value));
      }
    }
    check_layout();
  }

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw InputError(concat(path_.string(), " tensor '", name, "'"), what, kDamaged);
  }

  json parse_json(const Bytes& text) const {
    std::set<std::string> names;
    const auto check = [&](int depth, json::parse_event_t event, json& value) {
      if (depth > kDepthLimit) throw InputError(header_place(), "is nested too deeply", kDamaged);
      if (depth == 1 && event == json::parse_event_t::key && !names.insert(value.get<std::string>()).second) {
        fail(value.get<std::string>(), "occurs twice in the header");
      }
      return true;
    };
    json header;
    try {
      header = json::parse(text.begin(), text.end(), check);
    } catch (const json::parse_error& error) {
      throw InputError(header_place(), concat("is not JSON in UTF-8 (byte ", error.byte, " of the header)"), kDamaged);
    } catch (const json::out_of_range&) {  // a number such as 1e999
      throw InputError(header_place(), "holds a number too large to be read", kDamaged);
    }
    if (!header.is_object()) throw InputError(header_place(), "is not a JSON object", kDamaged);
    return header;
  }

  std::string header_place() const { return concat(path_.string(), " header at offset ", kLengthBytes); }

  void parse_metadata(const json& value) {
    if (!value.is_object()) fail(kMetadata, "is not a JSON object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail(kMetadata, concat("the value of '", key, "' is not a string"));
      metadata.emplace(key, text.get<std::string>());
    }
  }

  TensorEntry parse_entry(const std::string& name, const json& value) const {
    if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string() || !value.contains("shape") ||
        !value["shape"].is_array() || !value.contains("data_offsets") || !value["data_offsets"].is_array()) {
      fail(name, "lacks dtype, shape or data_offsets");
    }
    TensorEntry entry;
    entry.type = parse_type(name, value["dtype"].get<std::string>());
    for (const json& extent : value["shape"]) entry.shape.push_back(static_cast<int64_t>(number(name, extent)));
    const json& offsets = value["data_offsets"];
    if (offsets.size() != 2) fail(name, "data_offsets must be two numbers");
    entry.begin = number(name, offsets[0]);
    entry.end = number(name, offsets[1]);
    check_entry(name, entry);
    return entry;
  }

  DataType parse_type(const std::string& name, const std::string& text) const {
    const auto found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeInfo& t) { return text == t.name; });
    if (found == kTypes.end()) {
      throw InputError(concat(path_.string(), " tensor '", name, "'"),
                       concat("has the element type ", text, ", which is not supported"),
                       "store it as F32, or as another of BOOL, U8 … F64");
    }
    return found->type;
  }

  uint64_t number(const std::string& name, const json& value) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      fail(name, "shape and data_offsets must be whole numbers from 0 to 2^63 - 1");
    }
    return value.get<uint64_t>();
  }

  void check_entry(const std::string& name, const TensorEntry& entry) const {
    if (entry.begin > entry.end || entry.end > data_size_) {
      fail(name, concat("its bytes ", entry.begin, " to ", entry.end, " do not lie in the file's data of ", data_size_,
                        " bytes"));
    }
    uint64_t bytes = 0;
    if (!byte_count(entry.shape, element_size(entry.type), bytes) || bytes != entry.end - entry.begin) {
      fail(name, concat("shape ", show_shape(entry.shape), " of ", data_type_name(entry.type), " does not fit its ",
                        entry.end - entry.begin, " bytes"));
    }
  }

  void check_layout() const {
    std::vector<std::pair<uint64_t, const std::string*>> order;
    for (const auto& [name, entry] : tensors) order.emplace_back(entry.begin, &name);
    // Empty tensors stand before the one that begins at the same place.
    std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
      return std::pair(a.first, tensors.at(*a.second).end) < std::pair(b.first, tensors.at(*b.second).end);
    });
    uint64_t position = 0;
    for (const auto& [begin, name] : order) {
      if (begin < position) fail(*name, concat("overlaps another tensor at byte ", begin, " of the data"));
      if (begin > position) fail(*name, concat("begins at byte ", begin, " of the data, expected ", position));
      position = tensors.at(*name).end;
    }
    if (position != data_size_) {
      throw InputError(path_.string(), concat("its tensors take ", position, " bytes, but the data has ", data_size_),
                       kDamaged);
    }
  }

  const fs::path& path_;
  uint64_t data_size_;
};

std::string make_header(const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata) {
  ordered_json header = ordered_json::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  uint64_t position = 0;
  for (const TensorView& tensor : tensors) {
    const uint64_t end = position + tensor.bytes.size();
    header[tensor.name] = {
        {"dtype", data_type_name(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

RandomAccessFile open_own_kind(const fs::path& path) {
  refuse_other_kinds(path, FileKind::kSafetensors, "a safetensors file");
  return RandomAccessFile(path);
}

void check_views(const fs::path& path, const std::vector<TensorView>& tensors) {
  std::set<std::string> names;
  for (const TensorView& tensor : tensors) {
    const std::string where = concat(path.string(), " tensor '", tensor.name, "'");
    if (tensor.name == kMetadata) throw UsageError(where, "the name is reserved");
    if (!names.insert(tensor.name).second) throw UsageError(where, "the name occurs twice");
    uint64_t bytes = 0;
    if (!byte_count(tensor.shape, element_size(tensor.type), bytes) || bytes != tensor.bytes.size()) {
      throw UsageError(where, concat("shape ", show_shape(tensor.shape), " of ", data_type_name(tensor.type),
                                     " does not fit ", tensor.bytes.size(), " bytes"));
    }
  }
}

}  // namespace

int64_t element_size(DataType type) { return type_info(type).size; }

const char* data_type_name(DataType type) { return type_info(type).name; }

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(open_own_kind(path)) {
  if (file_.size() < kLengthBytes) {
    throw InputError(path.string(), concat("has ", file_.size(), " bytes, expected at least ", kLengthBytes), kDamaged);
  }
  uint64_t length = 0;
  file_.read(0, std::span(reinterpret_cast<uint8_t*>(&length), kLengthBytes));
  if (length > kHeaderLimit || length > file_.size() - kLengthBytes) {
    throw InputError(concat(path.string(), " at offset 0"),
                     concat("the header's length is given as ", length, " bytes, expected at most ",
                            std::min(kHeaderLimit, file_.size() - kLengthBytes)),
                     kDamaged);
  }
  Bytes text(length);
  file_.read(kLengthBytes, text);
  data_offset_ = kLengthBytes + length;
  HeaderParser parser(path, file_.size() - data_offset_);
  parser.parse(text);
  tensors_ = std::move(parser.tensors);
  metadata_ = std::move(parser.metadata);
}

const TensorEntry& SafetensorsFile::entry(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& item : tensors_) names.push_back(item.first);
  const std::string near = nearest(name, names);
  throw InputError(path().string(), concat("has no tensor '", name, "'"),
                   near.empty() ? "" : concat("did you mean '", near, "'?"));
}

Bytes SafetensorsFile::read(const std::string& name) const {
  const TensorEntry& found = entry(name);
  Bytes bytes(found.end - found.begin);
  file_.read(data_offset_ + found.begin, bytes);
  return bytes;
}

std::vector<float> SafetensorsFile::read_f32(const std::string& name) const {
  const TensorEntry& found = entry(name);
  if (found.type != DataType::kF32) {
    throw InputError(concat(path().string(), " tensor '", name, "'"),
                     concat("has the element type ", data_type_name(found.type), ", expected F32"));
  }
  std::vector<float> values((found.end - found.begin) / sizeof(float));
  file_.read(data_offset_ + found.begin,
             std::span(reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float)));
  return values;
}

void write_safetensors(const fs::path& path, const std::vector<TensorView>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  check_views(path, tensors);
  const std::string header = make_header(tensors, metadata);
  const auto length = static_cast<uint64_t>(header.size());
  AtomicFile file(path);
  file.write(std::span(reinterpret_cast<const uint8_t*>(&length), kLengthBytes));
  file.write(header);
  for (const TensorView& tensor : tensors) file.write(tensor.bytes);
  file.commit();
}

}  // namespace assemble
