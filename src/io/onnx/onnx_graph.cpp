// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/onnx_graph.h"

#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>

#include <cstring>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/file_kind.h"
#include "onnx/onnx_messages.h"

// Field numbers are those of onnx.proto.
namespace assemble {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using protozero::tag_and_type;

constexpr uint64_t kLargestFile = uint64_t{1} << 31;
constexpr const char* kDamaged = "the file is damaged";

/// Writes a field as it was read.
void copy_field(pbf_reader& field, pbf_writer& to) {
  switch (field.wire_type()) {
    case pbf_wire_type::varint:
      to.add_uint64(field.tag(), field.get_uint64());
      break;
    case pbf_wire_type::fixed64:
      to.add_fixed64(field.tag(), field.get_fixed64());
      break;
    case pbf_wire_type::fixed32:
      to.add_fixed32(field.tag(), field.get_fixed32());
      break;
    case pbf_wire_type::length_delimited:
      to.add_bytes(field.tag(), field.get_view());
      break;
    default:
      throw protozero::unknown_pbf_wire_type_exception();
  }
}

bool has_content(const pbf_reader& field) { return field.wire_type() == pbf_wire_type::length_delimited; }

struct Attribute {
  std::string name;
  std::optional<int64_t> integer;
  std::optional<float> real;
  std::string tensor;
  bool graph = false;
};

Attribute parse_attribute(const std::string& bytes) {
  Attribute result;
  pbf_reader field(bytes);
  while (field.next()) {
    const auto tag = field.tag();
    const auto wire = field.wire_type();
    if (tag == 1 && has_content(field)) {
      result.name = field.get_string();
    } else if (tag == 2 && wire == pbf_wire_type::fixed32) {
      result.real = field.get_float();
    } else if (tag == 3 && wire == pbf_wire_type::varint) {
      result.integer = field.get_int64();
    } else if (tag == 5 && has_content(field)) {
      result.tensor = field.get_string();
    } else {
      result.graph = result.graph || tag == 6 || tag == 11;
      field.skip();
    }
  }
  return result;
}

/// A TensorProto's parts.
struct Tensor {
  std::string name;
  std::vector<int64_t> dims;
  int64_t type = 0;
  std::string raw;
  std::vector<float> floats;
  std::map<std::string, std::string> external;
  bool has_raw = false, is_external = false;
};

std::pair<std::string, std::string> parse_pair(const std::string& bytes) {
  std::pair<std::string, std::string> result;
  pbf_reader entry(bytes);
  while (entry.next()) {
    if (entry.tag() == 1 && has_content(entry)) {
      result.first = entry.get_string();
    } else if (entry.tag() == 2 && has_content(entry)) {
      result.second = entry.get_string();
    } else {
      entry.skip();
    }
  }
  return result;
}

Tensor parse_tensor(const std::string& bytes) {
  constexpr auto kContent = pbf_wire_type::length_delimited;
  Tensor tensor;
  pbf_reader field(bytes);
  while (field.next()) {
    switch (field.tag_and_type()) {
      case tag_and_type(1, kContent):
        for (const int64_t dim : field.get_packed_int64()) tensor.dims.push_back(dim);
        break;
      case tag_and_type(1, pbf_wire_type::varint):
        tensor.dims.push_back(field.get_int64());
        break;
      case tag_and_type(2, pbf_wire_type::varint):
        tensor.type = field.get_int64();
        break;
      case tag_and_type(4, kContent):
        for (const float value : field.get_packed_float()) tensor.floats.push_back(value);
        break;
      case tag_and_type(4, pbf_wire_type::fixed32):
        tensor.floats.push_back(field.get_float());
        break;
      case tag_and_type(8, kContent):
        tensor.name = field.get_string();
        break;
      case tag_and_type(9, kContent):
        tensor.raw = field.get_string();
        tensor.has_raw = true;
        break;
      case tag_and_type(13, kContent):
        tensor.external.insert(parse_pair(field.get_string()));
        break;
      case tag_and_type(14, pbf_wire_type::varint):
        tensor.is_external = field.get_int64() == 1;
        break;
      default:
        field.skip();
    }
  }
  return tensor;
}

uint64_t number(const std::map<std::string, std::string>& facts, const char* key, uint64_t otherwise) {
  const auto found = facts.find(key);
  if (found == facts.end()) return otherwise;
  const double value = parse_number(found->second).value_or(-1);
  if (!(value >= 0 && value < 1e15)) throw protozero::invalid_length_exception();
  return static_cast<uint64_t>(value);
}

/// The bytes of a tensor that lie in another file.
std::string read_external(const std::map<std::string, std::string>& facts, const fs::path& model) {
  const auto location = facts.find("location");
  if (location == facts.end()) throw InputError(model.string(), "holds weights of another file that it does not name");
  const fs::path named = fs::path(location->second).lexically_normal();
  if (named.is_absolute() || named.empty() || *named.begin() == "..") {
    throw InputError(model.string(), concat("holds weights of '", location->second, "', which is outside its folder"),
                     "put them beside it");
  }
  const RandomAccessFile file(model.parent_path() / named);
  const uint64_t offset = number(facts, "offset", 0);
  const uint64_t length = number(facts, "length", offset < file.size() ? file.size() - offset : 0);
  if (offset > file.size() || length > file.size() - offset) {
    throw InputError(file.path().string(), concat("ends before the weights of ", model.string(), " do"),
                     "was it cut off while it was copied?");
  }
  std::string bytes(length, 0);
  file.read(offset, std::span(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()));
  return bytes;
}

/// The same tensor with its bytes inside.
std::string made_internal(const std::string& bytes, const Tensor& tensor, const fs::path& model) {
  std::string result;
  pbf_writer writer(result);
  pbf_reader field(bytes);
  while (field.next()) {
    if (field.tag() == 13 || field.tag() == 14) {
      field.skip();
    } else {
      copy_field(field, writer);
    }
  }
  writer.add_bytes(9, read_external(tensor.external, model));
  return result;
}

std::string name_of_value(const std::string& value) {
  pbf_reader field(value);
  std::string name;
  while (field.next(1, pbf_wire_type::length_delimited)) name = field.get_string();
  return name;
}

std::string written(const OnnxGraph::Node& node) {
  std::string result;
  pbf_writer writer(result);
  for (const std::string& input : node.inputs) writer.add_string(1, input);
  return result + node.bytes;
}

OnnxGraph::Node parse_node(const std::string& bytes, bool& nested, std::string& constant) {
  OnnxGraph::Node node;
  pbf_writer rest(node.bytes);
  pbf_reader field(bytes);
  while (field.next()) {
    if (!has_content(field)) {
      copy_field(field, rest);
      continue;
    }
    const auto tag = field.tag();
    const std::string content = field.get_string();
    if (tag == 1) {
      node.inputs.push_back(content);
      continue;
    }
    rest.add_bytes(tag, content);
    if (tag == 2) node.outputs.push_back(content);
    if (tag == 3) node.name = content;
    if (tag == 4) node.type = content;
    if (tag == 7) node.domain = content;
    if (tag != 5) continue;
    const Attribute attribute = parse_attribute(content);
    nested = nested || attribute.graph;
    if (attribute.integer) node.integers[attribute.name] = *attribute.integer;
    if (attribute.real) node.reals[attribute.name] = *attribute.real;
    if (attribute.name == "value") constant = attribute.tensor;
  }
  return node;
}

}  // namespace

OnnxGraph::OnnxGraph(const fs::path& file) : file_(file) {
  refuse_other_kinds(file, FileKind::kOnnx, "an ONNX model");
  const Bytes content = read_file(file, kLargestFile);
  try {
    pbf_reader field(reinterpret_cast<const char*>(content.data()), content.size());
    pbf_writer rest(model_);
    bool found = false;
    while (field.next()) {
      if (field.tag() == 7 && has_content(field)) {
        read_graph(field.get_string());
        found = true;
        continue;
      }
      if (field.tag() == 8 && has_content(field)) {
        const std::string opset = field.get_string();
        const auto [domain, version] = onnx::parse_opset(opset);
        if (domain.empty()) opset_ = version;
        rest.add_bytes(8, opset);
        continue;
      }
      copy_field(field, rest);
    }
    if (!found) throw InputError(file.string(), "holds no graph", "expected an ONNX model");
  } catch (const protozero::exception& error) {
    onnx::refuse(file, error);
  }
}

void OnnxGraph::read_graph(const std::string& bytes) {
  pbf_reader field(bytes);
  pbf_writer rest(rest_);
  while (field.next()) {
    const auto tag = field.tag();
    if (!has_content(field) || (tag != 1 && tag != 5 && tag != 11 && tag != 12)) {
      copy_field(field, rest);
      continue;
    }
    const std::string content = field.get_string();
    if (tag == 1) {
      std::string constant;
      nodes_.push_back(parse_node(content, nested_, constant));
      const Node& node = nodes_.back();
      if (node.outputs.size() != 1) continue;
      if (node.type == "Constant" && !constant.empty()) constants_[node.outputs[0]] = {constant, true};
      if (node.type == "Identity" && node.inputs.size() == 1) aliases_[node.outputs[0]] = node.inputs[0];
    } else if (tag == 5) {
      const Tensor tensor = parse_tensor(content);
      constants_[tensor.name] = {tensor.is_external ? made_internal(content, tensor, file_) : content};
      order_.push_back(tensor.name);
    } else if (tag == 11) {
      inputs_.emplace_back(name_of_value(content), content);
    } else {
      rest.add_bytes(12, content);
      outputs_.push_back(name_of_value(content));
    }
  }
}

std::string OnnxGraph::origin_of(std::string name) const {
  for (size_t step = 0; step < aliases_.size(); ++step) {
    const auto found = aliases_.find(name);
    if (found == aliases_.end()) break;
    name = found->second;
  }
  return name;
}

std::optional<OnnxGraph::Values> OnnxGraph::constant(const std::string& name) const {
  const auto found = constants_.find(origin_of(name));
  if (found == constants_.end()) return {};
  Tensor tensor;
  try {
    tensor = parse_tensor(found->second.bytes);
  } catch (const protozero::exception& error) {
    throw InputError(file_.string(), concat("its constant '", name, "' is no tensor: ", error.what()), kDamaged);
  }
  const auto type = static_cast<OnnxType>(tensor.type);
  if (type != OnnxType::kFloat) return Values{type, tensor.dims, {}};
  uint64_t count = 1;
  for (const int64_t dim : tensor.dims) {
    if (dim < 0 || (dim > 0 && count > kLargestFile / static_cast<uint64_t>(dim))) {
      throw InputError(file_.string(), concat("its constant '", name, "' has an impossible shape"), kDamaged);
    }
    count *= static_cast<uint64_t>(dim);
  }
  Values values{type, tensor.dims, std::move(tensor.floats)};
  if (tensor.has_raw) {
    values.values.resize(tensor.raw.size() / sizeof(float));
    std::memcpy(values.values.data(), tensor.raw.data(), values.values.size() * sizeof(float));
  }
  if (values.values.size() != count) {
    throw InputError(file_.string(), concat("its constant '", name, "' has not as many values as its shape says"),
                     kDamaged);
  }
  return values;
}

OnnxGraph::Node OnnxGraph::make_node(const OnnxNode& node) {
  std::string bytes;
  {
    pbf_writer writer(bytes);
    onnx::write_node(writer, node);
  }
  bool nested = false;
  std::string constant;
  return parse_node(bytes, nested, constant);
}

OnnxGraph::Node OnnxGraph::with_output(const Node& node, const std::string& output) {
  Node renamed = node;
  renamed.outputs = {output};
  renamed.name = output;
  renamed.bytes.clear();
  pbf_writer writer(renamed.bytes);
  writer.add_string(2, output);
  writer.add_string(3, output);
  pbf_reader field(node.bytes);
  while (field.next()) {
    if (field.tag() == 2 || field.tag() == 3) {
      field.skip();
    } else {
      copy_field(field, writer);
    }
  }
  return renamed;
}

void OnnxGraph::add_constant(const OnnxTensor& tensor) {
  std::string bytes;
  {
    pbf_writer writer(bytes);
    onnx::write_tensor(writer, tensor);
  }
  if (!constants_.contains(tensor.name)) order_.push_back(tensor.name);
  constants_[tensor.name] = {std::move(bytes)};
}

void OnnxGraph::add_output(const OnnxValue& value) { added_outputs_.push_back(value); }

std::string OnnxGraph::graph_bytes() const {
  std::set<std::string> read(outputs_.begin(), outputs_.end());
  for (const OnnxValue& value : added_outputs_) read.insert(value.name);
  const auto is_needed = [&](const std::string& name) { return nested_ || read.contains(name); };
  std::vector<const Node*> kept;
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const bool only_names = node->outputs.size() == 1 && constants_.contains(origin_of(node->outputs[0]));
    if (only_names && !is_needed(node->outputs[0])) continue;
    read.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(&*node);
  }
  std::string bytes;
  pbf_writer writer(bytes);
  for (auto node = kept.rbegin(); node != kept.rend(); ++node) writer.add_bytes(1, written(**node));
  for (const std::string& name : order_) {
    if (is_needed(name)) writer.add_bytes(5, constants_.at(name).bytes);
  }
  for (const auto& [name, input] : inputs_) {
    const bool is_constant = constants_.contains(name) && !constants_.at(name).by_node;
    if (!is_constant || is_needed(name)) writer.add_bytes(11, input);
  }
  bytes += rest_;
  pbf_writer more(bytes);
  for (const OnnxValue& value : added_outputs_) onnx::write_value(more, 12, value);
  return bytes;
}

std::string OnnxGraph::serialise() const {
  std::string bytes = model_;
  pbf_writer writer(bytes);
  writer.add_bytes(7, graph_bytes());
  if (bytes.size() >= kLargestFile) {
    throw RunError(file_.string(), concat("has ", bytes.size(), " bytes, more than the 2 GiB of the format"));
  }
  return bytes;
}

}  // namespace assemble
