// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/onnx_writer.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include "assemble/core/error.h"
#include "assemble/core/overloaded.h"


// Field numbers are those of onnx.proto.
namespace assemble {
namespace {

using protozero::pbf_writer;

constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
constexpr size_t kLargest = size_t{1} << 31;

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

void write_node(pbf_writer& graph, const OnnxNode& node) {
  pbf_writer writer(graph, 1);
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  for (const std::string& output : node.outputs) writer.add_string(2, output);
  writer.add_string(3, node.name);
  writer.add_string(4, node.type);
  for (const auto& [name, value] : node.attributes) write_attribute(writer, name, value);
}

void write_constant(pbf_writer& graph, const OnnxTensor& tensor) {
  pbf_writer writer(graph, 5);
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

}  // namespace

std::string serialise(const OnnxModel& model) {
  std::string bytes;
  pbf_writer writer(bytes);
  writer.add_int64(1, kIrVersion);
  writer.add_string(2, "assemble");
  writer.add_string(3, ASSEMBLE_VERSION);
  {
    pbf_writer graph(writer, 7);
    for (const OnnxNode& node : model.nodes) write_node(graph, node);
    graph.add_string(2, model.name);
    for (const OnnxTensor& constant : model.constants) write_constant(graph, constant);
    for (const OnnxValue& input : model.inputs) write_value(graph, 11, input);
    for (const OnnxValue& output : model.outputs) write_value(graph, 12, output);
  }
  {
    pbf_writer opset(writer, 8);
    opset.add_string(1, "");
    opset.add_int64(2, kOpset);
  }
  for (const auto& [key, value] : model.metadata) {
    pbf_writer entry(writer, 14);
    entry.add_string(1, key);
    entry.add_string(2, value);
  }
  if (bytes.size() >= kLargest) {
    throw RunError("ONNX model", concat("has ", bytes.size(), " bytes, more than the 2 GiB of the format"));
  }
  return bytes;
}

std::map<std::string, std::string> parse_onnx_metadata(std::span<const uint8_t> bytes, const std::string& where) {
  const char* hint = "expected an ONNX model; was it cut off while it was copied?";
  try {
    std::map<std::string, std::string> metadata;
    bool has_graph = false;
    protozero::pbf_reader reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (reader.next()) {
      if (reader.tag() == 7 && reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
        has_graph = true;
        reader.skip();
      } else if (reader.tag() == 14 && reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
        protozero::pbf_reader entry = reader.get_message();
        std::string key, value;
        while (entry.next()) {
          if (entry.wire_type() != protozero::pbf_wire_type::length_delimited || entry.tag() > 2) {
            entry.skip();
          } else {
            std::string& text = entry.tag() == 1 ? key : value;
            text = entry.get_string();
          }
        }
        metadata[key] = value;
      } else {
        reader.skip();
      }
    }
    if (!has_graph) throw InputError(where, "holds no graph", hint);
    return metadata;
  } catch (const protozero::exception& error) {
    throw InputError(where, concat("is no ONNX model: ", error.what()), hint);
  }
}

std::map<std::string, std::string> read_onnx_metadata(const fs::path& path) {
  return parse_onnx_metadata(read_file(path, kLargest), path.string());
}

}  // namespace assemble
