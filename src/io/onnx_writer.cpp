// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/onnx_writer.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <algorithm>
#include <optional>
#include <string_view>

#include "assemble/core/error.h"
#include "assemble/core/overloaded.h"
#include "assemble/io/file_kind.h"
#include "onnx/onnx_messages.h"

// Field numbers are those of onnx.proto.
namespace assemble {
namespace {

using protozero::pbf_writer;

constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
constexpr uint64_t kLargest = uint64_t{1} << 31;
constexpr protozero::pbf_tag_type kModelGraph = 7, kModelMetadata = 14;

void write_attribute(pbf_writer& node, const std::string& name,
                     const std::variant<int64_t, float, std::string, std::vector<int64_t>>& value) {
  enum Kind { kFloat = 1, kInt = 2, kString = 3, kInts = 7 };
  pbf_writer attribute(node, 5);
  attribute.add_string(1, name);
  std::visit(Overloaded{[&](int64_t number) {
                          attribute.add_int64(3, number);
                          attribute.add_enum(20, kInt);
                        },
                        [&](float number) {
                          attribute.add_float(2, number);
                          attribute.add_enum(20, kFloat);
                        },
                        [&](const std::string& text) {
                          attribute.add_bytes(4, text);
                          attribute.add_enum(20, kString);
                        },
                        [&](const std::vector<int64_t>& numbers) {
                          for (const int64_t number : numbers) attribute.add_int64(8, number);
                          attribute.add_enum(20, kInts);
                        }},
             value);
}

/// About the size of the file, so that it need not be moved as it grows.
size_t size_of(const OnnxModel& model) {
  constexpr size_t kOfNames = 1024;  ///< of a node or constant: names, shapes, attributes
  size_t size = (model.nodes.size() + model.constants.size() + 1) * kOfNames;
  for (const OnnxTensor& constant : model.constants) size += constant.bytes.size();
  for (const auto& [key, value] : model.metadata) size += key.size() + value.size() + 16;
  return size;
}

/// The fields of a message in a file, one after the other. Contents are skipped by seeking: weights stay on the disk.
class FieldReader {
 public:
  /// The outermost message.
  explicit FieldReader(const RandomAccessFile& file) : FieldReader(file, 0, file.size()) {
    if (file.size() > kLargest) {
      throw InputError(file.path().string(), concat("is larger than ", kLargest, " bytes, the most that ONNX allows"));
    }
  }

  /// @throws protozero::exception for what is no field, or does not end within the file
  bool next() {
    if (position_ == end_) return false;
    const std::string_view start = buffered();
    protozero::pbf_reader reader(start.data(), start.size());
    if (!reader.next()) throw protozero::end_of_buffer_exception();
    tag_ = reader.tag();
    has_content_ = reader.wire_type() == protozero::pbf_wire_type::length_delimited;
    content_size_ = 0;
    if (has_content_) {
      const char* data = reader.data().data();
      content_size_ = protozero::decode_varint(&data, start.data() + start.size());
      position_ += static_cast<uint64_t>(data - start.data());
      if (content_size_ > end_ - position_) throw protozero::end_of_buffer_exception();
    } else {
      reader.skip();
      position_ += start.size() - reader.length();
    }
    content_ = position_;
    position_ += content_size_;
    return true;
  }

  protozero::pbf_tag_type tag() const { return tag_; }
  /// Whether the field is a string or a message.
  bool has_content() const { return has_content_; }
  /// The message that the field is.
  FieldReader message() const { return {file_, content_, content_ + content_size_}; }
  std::string content() const {
    std::string bytes(content_size_, 0);
    file_.read(content_, std::span(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
    return bytes;
  }

 private:
  static constexpr size_t kBuffer = 4096;
  static constexpr size_t kLongestStart = 20;  ///< of a field: two numbers of 10 bytes

  FieldReader(const RandomAccessFile& file, uint64_t begin, uint64_t end)
      : file_(file), end_(end), buffer_(std::min<uint64_t>(kBuffer, end - begin)), position_(begin) {}

  /// What comes next: enough to read a field's tag and length, unless the file ends before.
  std::string_view buffered() {
    const uint64_t wanted = std::min<uint64_t>(kLongestStart, end_ - position_);
    if (position_ < begin_ || position_ + wanted > begin_ + filled_) {
      begin_ = position_;
      filled_ = std::min<uint64_t>(buffer_.size(), end_ - position_);
      file_.read(begin_, std::span(buffer_).first(filled_));
    }
    return {reinterpret_cast<const char*>(buffer_.data()) + (position_ - begin_), wanted};
  }

  const RandomAccessFile& file_;
  const uint64_t end_;
  Bytes buffer_;
  uint64_t begin_ = 0, filled_ = 0;  ///< of the buffer, in the file
  uint64_t position_;
  protozero::pbf_tag_type tag_ = 0;
  bool has_content_ = false;
  uint64_t content_ = 0, content_size_ = 0;
};

/// A key and its value.
std::pair<std::string, std::string> parse_entry(const std::string& bytes) {
  std::pair<std::string, std::string> result;
  protozero::pbf_reader entry(bytes);
  while (entry.next()) {
    if (entry.wire_type() != protozero::pbf_wire_type::length_delimited || entry.tag() > 2) {
      entry.skip();
    } else {
      std::string& text = entry.tag() == 1 ? result.first : result.second;
      text = entry.get_string();
    }
  }
  return result;
}

/// Messages of onnx.proto that lead to tensors; kTensor's external data tells its file.
enum class Message { kModel, kGraph, kFunction, kNode, kAttribute, kSparseTensor, kTensor };

/// What a field of a message holds, where it leads to tensors.
std::optional<Message> message_of(Message owner, protozero::pbf_tag_type field) {
  static const std::map<std::pair<Message, int>, Message> fields{{{Message::kModel, 7}, Message::kGraph},
                                                                 {{Message::kModel, 25}, Message::kFunction},
                                                                 {{Message::kGraph, 1}, Message::kNode},
                                                                 {{Message::kGraph, 5}, Message::kTensor},
                                                                 {{Message::kGraph, 15}, Message::kSparseTensor},
                                                                 {{Message::kFunction, 7}, Message::kNode},
                                                                 {{Message::kNode, 5}, Message::kAttribute},
                                                                 {{Message::kAttribute, 5}, Message::kTensor},
                                                                 {{Message::kAttribute, 6}, Message::kGraph},
                                                                 {{Message::kAttribute, 10}, Message::kTensor},
                                                                 {{Message::kAttribute, 11}, Message::kGraph},
                                                                 {{Message::kAttribute, 22}, Message::kSparseTensor},
                                                                 {{Message::kAttribute, 23}, Message::kSparseTensor},
                                                                 {{Message::kSparseTensor, 1}, Message::kTensor},
                                                                 {{Message::kSparseTensor, 2}, Message::kTensor}};
  const auto found = fields.find({owner, static_cast<int>(field)});
  return found == fields.end() ? std::nullopt : std::optional(found->second);
}

void find_external_files(FieldReader field, Message message, int depth, std::set<std::string>& files) {
  constexpr int kDeepest = 64;
  constexpr protozero::pbf_tag_type kExternalData = 13;
  if (depth > kDeepest) throw protozero::invalid_length_exception();
  while (field.next()) {
    if (!field.has_content()) continue;
    if (message == Message::kTensor && field.tag() == kExternalData) {
      const auto [key, value] = parse_entry(field.content());
      if (key == "location") files.insert(value);
    }
    if (const auto inner = message_of(message, field.tag())) {
      find_external_files(field.message(), *inner, depth + 1, files);
    }
  }
}

using protozero::pbf_wire_type;

/// What is in the last field of that number; empty without one.
std::string inner_message(const std::string& bytes, protozero::pbf_tag_type field) {
  std::string found;
  protozero::pbf_reader reader(bytes);
  while (reader.next(field, pbf_wire_type::length_delimited)) found = reader.get_string();
  return found;
}

int64_t number_in(const std::string& bytes, protozero::pbf_tag_type field, int64_t otherwise) {
  protozero::pbf_reader reader(bytes);
  while (reader.next(field, pbf_wire_type::varint)) otherwise = reader.get_int64();
  return otherwise;
}

OnnxValue parse_value(const std::string& bytes) {
  const std::string tensor = inner_message(inner_message(bytes, 2), 1);
  OnnxValue value{inner_message(bytes, 1), static_cast<OnnxType>(number_in(tensor, 1, 0)), {}};
  const std::string shape = inner_message(tensor, 2);
  protozero::pbf_reader dimension(shape);
  while (dimension.next(1, pbf_wire_type::length_delimited)) {
    value.dims.push_back(std::max<int64_t>(number_in(dimension.get_string(), 1, -1), -1));
  }
  return value;
}

std::string name_of_tensor(FieldReader field) {
  constexpr protozero::pbf_tag_type kName = 8;
  std::string name;
  while (field.next()) {
    if (field.has_content() && field.tag() == kName) name = field.content();
  }
  return name;
}

OnnxOperation parse_operation(FieldReader field) {
  OnnxOperation operation;
  while (field.next()) {
    if (!field.has_content()) continue;
    if (field.tag() == 1) operation.inputs.push_back(field.content());
    if (field.tag() == 2) operation.outputs.push_back(field.content());
    if (field.tag() == 4) operation.type = field.content();
  }
  return operation;
}

void read_graph_interface(FieldReader field, OnnxInterface& interface) {
  std::set<std::string> weights;
  while (field.next()) {
    if (!field.has_content()) continue;
    if (field.tag() == 1) interface.nodes.push_back(parse_operation(field.message()));
    if (field.tag() == 5) weights.insert(name_of_tensor(field.message()));
    if (field.tag() == 11) interface.inputs.push_back(parse_value(field.content()));
    if (field.tag() == 12) interface.outputs.push_back(parse_value(field.content()));
  }
  std::erase_if(interface.inputs, [&](const OnnxValue& input) { return weights.contains(input.name); });
}

constexpr const char* kNoModelHint = "expected an ONNX model; was it cut off while it was copied?";

}  // namespace

namespace onnx {

void write_node(pbf_writer& writer, const OnnxNode& node) {
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  for (const std::string& output : node.outputs) writer.add_string(2, output);
  writer.add_string(3, node.name);
  writer.add_string(4, node.type);
  for (const auto& [name, value] : node.attributes) write_attribute(writer, name, value);
}

void write_tensor(pbf_writer& writer, const OnnxTensor& tensor) {
  for (const int64_t dim : tensor.dims) writer.add_int64(1, dim);
  writer.add_int32(2, static_cast<int32_t>(tensor.type));
  writer.add_string(8, tensor.name);
  writer.add_bytes(9, reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
}

void write_value(pbf_writer& graph, protozero::pbf_tag_type field, const OnnxValue& value) {
  pbf_writer writer(graph, field);
  writer.add_string(1, value.name);
  pbf_writer type(writer, 2);
  pbf_writer tensor(type, 1);
  tensor.add_int32(1, static_cast<int32_t>(value.type));
  pbf_writer shape(tensor, 2);
  for (const int64_t dim : value.dims) {
    pbf_writer dimension(shape, 1);
    if (dim < 0) {
      dimension.add_string(2, "batch");
    } else {
      dimension.add_int64(1, dim);
    }
  }
}

void refuse(const fs::path& file, const protozero::exception& error) {
  const bool cut = dynamic_cast<const protozero::end_of_buffer_exception*>(&error) != nullptr;
  throw InputError(file.string(),
                   concat("is no ONNX model: ", cut ? "it ends within a field" : "its bytes are no fields of one"),
                   cut ? "was it cut off while it was copied?" : "expected what an exporter of ONNX writes");
}

std::pair<std::string, int64_t> parse_opset(const std::string& bytes) {
  return {inner_message(bytes, 1), number_in(bytes, 2, 0)};
}

}  // namespace onnx

std::string serialise(OnnxModel model) {
  std::string bytes;
  bytes.reserve(size_of(model));
  pbf_writer writer(bytes);
  writer.add_int64(1, kIrVersion);
  writer.add_string(2, "assemble");
  writer.add_string(3, ASSEMBLE_VERSION);
  {
    pbf_writer graph(writer, kModelGraph);
    for (const OnnxNode& node : model.nodes) {
      pbf_writer message(graph, 1);
      onnx::write_node(message, node);
    }
    graph.add_string(2, model.name);
    for (OnnxTensor& constant : model.constants) {
      pbf_writer message(graph, 5);
      onnx::write_tensor(message, constant);
      Bytes().swap(constant.bytes);
    }
    for (const OnnxValue& input : model.inputs) onnx::write_value(graph, 11, input);
    for (const OnnxValue& output : model.outputs) onnx::write_value(graph, 12, output);
  }
  {
    pbf_writer opset(writer, 8);
    opset.add_string(1, "");
    opset.add_int64(2, kOpset);
  }
  for (const auto& [key, value] : model.metadata) {
    pbf_writer entry(writer, kModelMetadata);
    entry.add_string(1, key);
    entry.add_string(2, value);
  }
  if (bytes.size() >= kLargest) {
    throw RunError("ONNX model", concat("has ", bytes.size(), " bytes, more than the 2 GiB of the format"));
  }
  return bytes;
}

std::map<std::string, std::string> read_onnx_metadata(const fs::path& path) {
  refuse_other_kinds(path, FileKind::kOnnx, "an ONNX model");
  const RandomAccessFile file(path);
  try {
    std::map<std::string, std::string> metadata;
    bool has_graph = false;
    FieldReader field(file);
    while (field.next()) {
      if (!field.has_content()) continue;
      if (field.tag() == kModelGraph) has_graph = true;
      if (field.tag() != kModelMetadata) continue;
      const auto [key, value] = parse_entry(field.content());
      metadata[key] = value;
    }
    if (!has_graph) throw InputError(path.string(), "holds no graph", kNoModelHint);
    return metadata;
  } catch (const protozero::exception& error) {
    onnx::refuse(path, error);
  }
}

OnnxInterface read_onnx_interface(const fs::path& path) {
  refuse_other_kinds(path, FileKind::kOnnx, "an ONNX model");
  const RandomAccessFile file(path);
  try {
    OnnxInterface interface;
    std::string name, version;
    FieldReader field(file);
    while (field.next()) {
      if (!field.has_content()) continue;
      if (field.tag() == 2) name = field.content();
      if (field.tag() == 3) version = field.content();
      if (field.tag() == kModelGraph) read_graph_interface(field.message(), interface);
      if (field.tag() != 8) continue;
      const auto [domain, opset] = onnx::parse_opset(field.content());
      if (domain.empty()) interface.opset = opset;
    }
    interface.producer = version.empty() ? name : name + " " + version;
    return interface;
  } catch (const protozero::exception& error) {
    onnx::refuse(path, error);
  }
}

std::set<std::string> read_onnx_external_files(const fs::path& path) {
  const RandomAccessFile file(path);
  try {
    std::set<std::string> files;
    find_external_files(FieldReader(file), Message::kModel, 0, files);
    return files;
  } catch (const protozero::exception& error) {
    onnx::refuse(path, error);
  }
}

}  // namespace assemble
