// SPDX-License-Identifier: Apache-2.0
#include "engines/openvino_model.h"

#include <openvino/frontend/manager.hpp>
#include <openvino/opsets/opset13.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <span>
#include <sstream>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

/// Never destroyed, as the core.
const ov::frontend::FrontEnd& onnx_frontend() {
  static auto& manager = *new ov::frontend::FrontEndManager;
  static auto& frontend = *new ov::frontend::FrontEnd::Ptr(manager.load_by_framework("onnx"));
  return *frontend;
}

/// The bytes are freed on return, before the model is made.
ov::frontend::InputModel::Ptr parse(const ov::frontend::FrontEnd& frontend, std::string onnx) {
  std::istringstream stream(std::move(onnx));
  return frontend.load(static_cast<std::istream*>(&stream));
}

std::shared_ptr<ov::Model> feed_foreign(const std::shared_ptr<ov::Model>& model, const ForeignModel& foreign,
                                        int64_t part) {
  const bool channels_last = foreign.layout == ImageLayout::kNhwc;
  const int64_t size = foreign.card.preprocessing.eval_size;
  model->reshape(channels_last ? ov::PartialShape{part, size, size, Images::kChannels}
                               : ov::PartialShape{part, Images::kChannels, size, size});
  ov::preprocess::PrePostProcessor steps(model);
  steps.input().tensor().set_element_type(foreign.pixels ? ov::element::u8 : ov::element::f32).set_layout("NHWC");
  steps.input().model().set_layout(channels_last ? "NHWC" : "NCHW");
  if (foreign.channels == ChannelOrder::kBgr) steps.input().preprocess().reverse_channels();
  for (size_t i = 0; i < model->outputs().size(); ++i) {
    steps.output(i).tensor().set_element_type(ov::element::f32);
  }
  return steps.build();
}

OnnxType onnx_type(const ov::element::Type& type) {
  const std::map<ov::element::Type_t, int> numbers{
      {ov::element::f32, 1},  {ov::element::u8, 2},     {ov::element::i8, 3},      {ov::element::i32, 6},
      {ov::element::i64, 7},  {ov::element::string, 8}, {ov::element::boolean, 9}, {ov::element::f16, 10},
      {ov::element::f64, 11}, {ov::element::bf16, 16}};
  const auto found = numbers.find(static_cast<ov::element::Type_t>(type));
  return static_cast<OnnxType>(found == numbers.end() ? 0 : found->second);
}

/// The name that an output has for people: one of its tensor's, or else its node's.
std::string name_of(const ov::Output<const ov::Node>& value) {
  const auto& names = value.get_names();
  return names.empty() ? value.get_node()->get_friendly_name() : *std::ranges::min_element(names);
}

std::string name_of_result(const ov::op::v0::Result& result) {
  const auto& names = result.get_output_tensor(0).get_names();
  return names.empty() ? result.get_input_node_shared_ptr(0)->get_friendly_name() : *std::ranges::min_element(names);
}

OnnxValue to_onnx_value(const std::string& name, const ov::element::Type& type, const ov::PartialShape& shape) {
  OnnxValue value{name, onnx_type(type), {}};
  if (shape.rank().is_dynamic()) return value;
  for (const ov::Dimension& side : shape) value.dims.push_back(side.is_static() ? side.get_length() : -1);
  return value;
}

/// Whether a value is the same for all images.
bool is_fixed(const ov::Output<ov::Node>& value, int depth = 0) {
  constexpr int kDeepest = 16;
  const ov::Node& node = *value.get_node();
  if (ov::is_type<ov::op::v0::Constant>(&node)) return true;
  if (std::string_view(node.get_type_info().name) == "ShapeOf") return true;  // as a bias is given the rank of a map
  if (depth == kDeepest || node.get_input_size() == 0) return false;
  const ov::OutputVector inputs = node.input_values();
  return std::ranges::all_of(inputs, [&](const auto& input) { return is_fixed(input, depth + 1); });
}

/// What the last dense layer before a value takes; nothing where other things come before one.
std::optional<ov::Output<ov::Node>> last_dense_input(ov::Output<ov::Node> value) {
  constexpr int kMostSteps = 64;
  constexpr std::array<std::string_view, 9> kOfOneValue{
      "Identity", "Softmax", "LogSoftmax", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Convert", "FakeQuantize"};
  for (int step = 0; step < kMostSteps; ++step) {
    const ov::Node& node = *value.get_node();
    const std::string_view type = node.get_type_info().name;
    if (node.get_input_size() == 0) return {};
    if (type == "MatMul") {
      if (is_fixed(node.input_value(1))) return node.input_value(0);
      if (is_fixed(node.input_value(0))) return node.input_value(1);
      return {};
    }
    if (type == "Convolution") {
      const ov::PartialShape map = node.get_input_partial_shape(0);
      const bool one_place = map.rank().is_static() && map.size() == 4 && map[2] == 1 && map[3] == 1;
      return one_place ? std::optional(node.input_value(0)) : std::nullopt;
    }
    const bool of_one = std::ranges::find(kOfOneValue, type) != kOfOneValue.end();
    const bool of_two = (type == "Add" || type == "Subtract" || type == "Multiply" || type == "Divide") &&
                        is_fixed(node.input_value(0)) != is_fixed(node.input_value(1));
    if (!of_one && !of_two) return {};
    value = node.input_value(of_two && is_fixed(node.input_value(0)) ? 1 : 0);
  }
  return {};
}

ov::Output<ov::Node> find_embedding(const ov::Model& model, const std::string& path, const NetworkForm& form) {
  if (form.output.empty()) {
    const std::string classes = form.foreign ? form.foreign->output_name : kLogitsOutput;
    for (const auto& result : model.get_results()) {
      if (name_of_result(*result) != classes && !result->get_output_tensor(0).get_names().contains(classes)) {
        continue;
      }
      if (const auto found = last_dense_input(result->input_value(0))) return *found;
    }
    throw InputError(path, "its classes do not come from a dense layer, whose input would be the embedding",
                     "say which of its values is one by `embedding_name`");
  }
  std::vector<std::string> names;
  for (const auto& node : model.get_ordered_ops()) {
    if (ov::is_type<ov::op::v0::Constant>(node) || ov::is_type<ov::op::v0::Result>(node)) continue;
    for (const auto& output : node->outputs()) {
      if (output.get_names().contains(form.output) || node->get_friendly_name() == form.output) return output;
      for (const std::string& name : output.get_names()) names.push_back(name);
    }
  }
  const std::string near = nearest(form.output, names);
  throw InputError(path, concat("has no value '", form.output, "' (`embedding_name`)"),
                   near.empty() ? "name it as the file does, or leave it out: what the last dense layer takes"
                                : concat("did you mean '", near, "'?"));
}

/// The network as far as its embedding.
std::shared_ptr<ov::Model> embedder_of(const ov::Model& model, const std::string& path, const NetworkForm& form) {
  const ov::Output<ov::Node> value = find_embedding(model, path, form);
  const ov::PartialShape& shape = value.get_partial_shape();
  int64_t longer = 0;
  for (size_t i = 1; shape.rank().is_static() && i < shape.size(); ++i) longer += shape[i] == 1 ? 0 : 1;
  if (shape.rank().is_dynamic() || longer != 1) {
    throw InputError(path, concat("its value '", name_of(value), "' is ", shape.to_string(), ", expected [N, E]"),
                     "give another one by `embedding_name`");
  }
  return std::make_shared<ov::Model>(ov::ResultVector{std::make_shared<ov::op::v0::Result>(value)},
                                     model.get_parameters());
}

/// Takes away every output but the one of that name, where there is one of that name, with what only they need.
void keep_output(ov::Model& model, const std::string& name) {
  const auto is_wanted = [&](const auto& result) {
    return result->get_output_tensor(0).get_names().contains(name) || name_of_result(*result) == name;
  };
  const ov::ResultVector results = model.get_results();
  if (std::ranges::none_of(results, is_wanted)) return;
  for (const auto& result : results) {
    if (!is_wanted(result)) model.remove_result(result);
  }
}

}  // namespace

ov::Core& openvino_core() {
  // Never destroyed: unloading its plugins when the program ends takes time and gives nothing back.
  static ov::Core& instance = *new ov::Core;
  return instance;
}

std::string told_by_openvino(const std::exception& error) {
  constexpr std::string_view kUnknown = "No conversion rule found for operations: ";
  constexpr std::array<std::string_view, 7> kNoise{
      "Exception from ",         "Check '",  "FrontEnd API failed",         "Model wasn't fully",
      "-- Conversion is failed", "Summary:", "To facilitate the conversion"};
  const std::string text = error.what();
  if (const size_t at = text.find(kUnknown); at != std::string::npos) {
    const size_t begin = at + kUnknown.size();
    return concat("it knows no operator ", text.substr(begin, text.find('\n', begin) - begin));
  }
  std::vector<std::string> told;
  for (const std::string& line : split(text, '\n')) {
    const bool noise = line.find_first_not_of(' ') == std::string::npos ||
                       std::ranges::any_of(kNoise, [&](auto start) { return line.starts_with(start); });
    if (!noise) told.push_back(line);
  }
  return told.empty() ? text : join(told, "; ");
}

std::shared_ptr<ov::Model> read_openvino_model(std::string onnx, const std::string& where, const std::string& hint) {
  release_freed_memory();
  try {
    const ov::frontend::FrontEnd& frontend = onnx_frontend();
    const auto parsed = parse(frontend, std::move(onnx));
    release_freed_memory();
    return frontend.convert(parsed);
  } catch (const std::exception& error) {
    throw RunError(where, concat("OpenVINO cannot read its graph: ", told_by_openvino(error)), hint);
  }
}

namespace {

std::shared_ptr<ov::Model> read_any_model(const std::string& path, const std::string& hint) {
  try {
    return openvino_core().read_model(path);
  } catch (const std::exception& error) {
    throw InputError(path, concat("OpenVINO cannot read it: ", told_by_openvino(error)), hint);
  }
}

/// Weights that are NaN may leave no trace in the outputs: OpenVINO's ReLU makes 0 of them.
void refuse_nan(const ov::Model& model, const std::string& path) {
  for (const auto& node : model.get_ordered_ops()) {
    const auto* constant = ov::as_type<ov::op::v0::Constant>(node.get());
    if (constant == nullptr || constant->get_element_type() != ov::element::f32) continue;
    const std::span values(constant->get_data_ptr<float>(), ov::shape_size(constant->get_shape()));
    if (all_finite(values) || std::ranges::none_of(values, [](float value) { return std::isnan(value); })) continue;
    throw InputError(path, concat("its weights '", constant->get_friendly_name(), "' are NaN"),
                     "its training went wrong, or the file is damaged");
  }
}

/// What a file of either kind needs to be read.
std::string hint_of(const std::string& path, bool foreign) {
  if (fs::path(path).extension() == kIrEnding) return "its weights belong beside it, in a .bin file of the same name";
  return foreign ? "export it again with ONNX's own operators, set 17, and its weights beside it"
                 : "was it cut off while it was copied?";
}

}  // namespace

OnnxInterface read_ir_interface(const std::string& path) {
  const auto model = read_any_model(path, hint_of(path, true));
  OnnxInterface interface;
  interface.producer = "OpenVINO";
  if (model->has_rt_info("conversion_parameters", "framework")) {
    interface.producer = model->get_rt_info<std::string>("conversion_parameters", "framework") + " by OpenVINO";
  }
  for (const auto& input : std::as_const(*model).inputs()) {
    interface.inputs.push_back(to_onnx_value(name_of(input), input.get_element_type(), input.get_partial_shape()));
  }
  for (const auto& result : model->get_results()) {
    interface.outputs.push_back(
        to_onnx_value(name_of_result(*result), result->get_element_type(), result->get_output_partial_shape(0)));
  }
  for (const auto& node : model->get_ordered_ops()) {
    OnnxOperation operation{node->get_type_name(), {}, {}};
    if (operation.type == "Parameter" || operation.type == "Result" || operation.type == "Constant") continue;
    for (const auto& input : std::as_const(*node).input_values()) operation.inputs.push_back(name_of(input));
    for (const auto& output : std::as_const(*node).outputs()) operation.outputs.push_back(name_of(output));
    interface.nodes.push_back(std::move(operation));
  }
  return interface;
}

std::shared_ptr<ov::Model> read_model_file(const std::string& path, const NetworkForm& form) {
  std::shared_ptr<ov::Model> model = read_any_model(path, hint_of(path, form.foreign != nullptr));
  refuse_nan(*model, path);
  if (form.embedding) return embedder_of(*model, path, form);
  keep_output(*model, form.output);
  if (form.foreign) return model;
  const bool fits = model->inputs().size() == 1 && model->outputs().size() == 1 &&
                    model->input().get_partial_shape().size() == 4 && model->output().get_partial_shape().size() == 2 &&
                    model->input().get_partial_shape()[2].is_static();
  if (!fits) throw InputError(path, "expected one input [N, 3, S, S] and one output [N, classes]");
  return model;
}

std::shared_ptr<ov::Model> fed_model(std::shared_ptr<ov::Model> model, const NetworkForm& form, int64_t part) {
  if (form.foreign) return feed_foreign(model, *form.foreign, part);
  if (model->input().get_element_type() == ov::element::f32) {
    ov::preprocess::PrePostProcessor steps(model);
    steps.input().tensor().set_layout("NHWC");
    steps.input().model().set_layout("NCHW");
    model = steps.build();
  }
  ov::PartialShape shape = model->input().get_partial_shape();
  shape[0] = part;
  model->reshape(shape);
  return model;
}

}  // namespace assemble
