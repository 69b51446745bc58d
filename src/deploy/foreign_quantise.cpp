// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_quantise.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/deploy/quantised_weights.h"
#include "assemble/io/onnx_graph.h"
#include "calibration.h"
#include "engines/engines.h"
#include "engines/observer.h"
#include "foreign_layers.h"

namespace assemble {
namespace {

using Operator = OnnxGraph::Node;
using Layer = ForeignLayer;

constexpr int64_t kOldestOpset = 13;  ///< the first in which scales go by channels
constexpr float kDead = 1e-12f;
constexpr float kNoBias = 1e-9f;
constexpr int kSteps = 255;

template <typename Value>
Bytes bytes_of(const std::vector<Value>& values) {
  Bytes bytes(values.size() * sizeof(Value));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

struct Scale {
  float scale = 1;
  uint8_t zero = 0;
};

class ForeignQuantiser {
 public:
  ForeignQuantiser(const fs::path& file, const ForeignModel& model, const std::vector<Images>& images,
                   const QuantiseOptions& options)
      : file_(file), graph_(file), model_(model), images_(images), options_(options) {
    for (const Images& batch : images) count_ += batch.count;
    if (count_ == 0) throw UsageError("calibration", "there are no images", "give a folder of images or TFRecords");
    if (graph_.opset() < kOldestOpset) {
      throw InputError(file.string(), concat("is of operator set ", graph_.opset(), ", 8 bits need ", kOldestOpset),
                       "export it again with operator set 17");
    }
  }

  QuantisedForeign run() {
    layers_ = find_foreign_layers(graph_, options_.keep, file_.string());
    find_sums();
    choose_scales();
    leave_single_places();
    compare();
    leave_dense_without_bias();
    QuantisedForeign result;
    for (const Layer& layer : layers_) {
      result.layers.push_back(
          {layer.name, layer.quantised(), layer.quantised() ? layer.errors.relative(options_.correct_bias) : 0});
      result.reasons.push_back(layer.why);
    }
    result.left = left_in_f32();
    result.onnx = rewritten();
    return result;
  }

 private:
  const Operator& node_of(const Layer& layer) const { return graph_.nodes()[layer.node]; }
  const std::string& input_of(const Layer& layer) const { return node_of(layer).inputs[0]; }
  const std::string& output_of(const Layer& layer) const { return node_of(layer).outputs[0]; }
  bool is_product(const Layer& layer) const { return node_of(layer).type == "MatMul"; }

  /// Sums of two activations one of which a layer in 8 bits makes, before a ReLU: the map stays in 8 bits. Without one
  /// (linear bottlenecks) 8 bits would not be faster, and the engines would round in places of their own.
  void find_sums() {
    std::set<std::string> made, rectified;
    for (const Operator& node : graph_.nodes()) {
      if ((node.type == "Relu" || node.type == "Clip") && !node.inputs.empty()) rectified.insert(node.inputs[0]);
    }
    for (const Layer& layer : layers_) {
      if (layer.quantised() && node_of(layer).type == "Conv") made.insert(output_of(layer));
    }
    for (const Operator& node : graph_.nodes()) {
      if (node.type != "Add" || node.inputs.size() != 2 || !rectified.contains(node.outputs[0])) continue;
      const bool of_two = !graph_.is_constant(node.inputs[0]) && !graph_.is_constant(node.inputs[1]);
      if (of_two && (made.contains(node.inputs[0]) || made.contains(node.inputs[1]))) sums_.insert(node.outputs[0]);
    }
  }

  /// Every value that is to be in 8 bits, once.
  std::vector<std::string> quantised_values() const {
    std::set<std::string> values;
    for (const Layer& layer : layers_) {
      if (layer.quantised()) values.insert(input_of(layer));
    }
    for (const Operator& node : graph_.nodes()) {
      if (node.type == "Add" && sums_.contains(node.outputs[0])) values.insert(node.inputs.begin(), node.inputs.end());
    }
    return {values.begin(), values.end()};
  }

  void observe(const std::string& onnx, const std::vector<std::string>& values, const std::string& pass,
               const ValueObserver::See& see) const {
    ValueObserver observer(onnx, model_, values, file_.string());
    Progress progress("calibrating, " + pass, count_, "images");
    for (const Images& batch : images_) {
      observer.run(batch, see);
      progress.advance(batch.count);
    }
  }

  /// The file with more outputs, but for those that it has.
  static std::string with_outputs(OnnxGraph graph, const std::vector<std::string>& values) {
    std::vector<Operator> nodes = graph.nodes();
    for (size_t i = 0; i < values.size(); ++i) {
      const std::string name = observed_name(i);
      nodes.push_back(OnnxGraph::make_node({"Identity", name, {values[i]}, {name}, {}}));
      graph.add_output({name, OnnxType::kFloat, {}});
    }
    graph.set_nodes(std::move(nodes));
    return graph.serialise();
  }
  static std::string observed_name(size_t index) { return concat("assemble/observed/", index); }

  std::vector<std::string> observed_names(size_t count) const {
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(observed_name(i));
    return names;
  }

  void choose_scales() {
    const std::vector<std::string> values = quantised_values();
    if (values.empty()) refuse_without_layers();
    const std::string onnx = with_outputs(graph_, values);
    const std::vector<std::string> names = observed_names(values.size());
    std::vector<Seen> seen(values.size());
    single_places_ = {values.begin(), values.end()};
    observe(onnx, names, "pass 1 of 3: extremes",
            [&](size_t i, std::span<const float> of_value, const std::vector<int64_t>& shape) {
              if (!seen[i].look(of_value)) {
                throw InputError(concat("the value ", values[i]), "is NaN or infinite on calibration images",
                                 "are they made as the network needs them?");
              }
              if (shape.size() != 4 || shape[2] != 1 || shape[3] != 1) single_places_.erase(values[i]);
            });
    observe(onnx, names, "pass 2 of 3: ranges",
            [&](size_t i, std::span<const float> of_value, const std::vector<int64_t>&) {
              if (seen[i].magnitude() > kDead) seen[i].count(of_value);
            });
    for (size_t i = 0; i < values.size(); ++i) scales_[values[i]] = scale_of(seen[i]);
  }

  [[noreturn]] void refuse_without_layers() const {
    const auto in_8_bits = [](const Operator& node) {
      return node.type.starts_with("QLinear") || node.type == "DequantizeLinear" ||
             node.type == "DynamicQuantizeLinear";
    };
    if (std::ranges::any_of(graph_.nodes(), in_8_bits)) {
      throw InputError(file_.string(), "is in 8 bits already", "give the network in f32 that it was made of");
    }
    std::set<std::string> reasons;
    for (const Layer& layer : layers_) reasons.insert(layer.why);
    const std::vector<std::string> listed(reasons.begin(), reasons.end());
    throw InputError(
        file_.string(),
        concat("has no layer that could be in 8 bits", listed.empty() ? "" : concat(": ", join(listed, "; "))),
        "layers are Conv, and Gemm and MatMul by a constant; export it in f32");
  }

  Scale scale_of(const Seen& seen) const {
    if (seen.magnitude() <= kDead) return {};
    const int steps = seen.least < 0 ? kSteps / 2 : kSteps;
    const double range = choose_range(options_.range, seen.histogram, seen.magnitude(), steps, options_.percentile);
    const double low = std::max<double>(seen.least, -range), high = std::min<double>(seen.largest, range);
    const double scale = std::max((high - low) / kSteps, static_cast<double>(kDead));
    return {static_cast<float>(scale), static_cast<uint8_t>(std::clamp(std::nearbyint(-low / scale), 0.0, 255.0))};
  }

  static void leave_but_weights(Layer& layer, const std::string& why) {
    layer.why = why + "; its weights are in 8 bits";
    layer.weights_only = true;
  }

  void leave_single_places() {
    for (Layer& layer : layers_) {
      if (!layer.quantised() || node_of(layer).type != "Conv" || !single_places_.contains(input_of(layer))) continue;
      leave_but_weights(layer, "its map is one place: attention of channels, or a head");
    }
  }

  /// OpenVINO 2026.4 computes a dense layer without a bias wrongly where its result is in 8 bits again.
  void leave_dense_without_bias() {
    for (Layer& layer : layers_) {
      if (!layer.quantised() || node_of(layer).type == "Conv") continue;
      const std::vector<float> bias = corrected_bias(layer);
      if (std::ranges::all_of(bias, [](float value) { return std::abs(value) < kNoBias; })) {
        leave_but_weights(layer, "it has no bias, without which OpenVINO computes it wrongly");
      }
    }
  }

  /// A value an output channel: the bias of the file, and what makes up for the mean error of 8 bits.
  std::vector<float> corrected_bias(const Layer& layer) const {
    std::vector<float> bias(static_cast<size_t>(layer.filters.size(0)));
    if (!layer.added.empty()) bias = layer.addend.values;
    if (layer.has_bias) bias.assign(layer.bias.values().begin(), layer.bias.values().end());
    if (!options_.correct_bias) return bias;
    const std::vector<float> error = layer.errors.mean();
    std::ranges::transform(bias, error, bias.begin(), std::plus());
    return bias;
  }

  /// The layer's weights as they are in 8 bits.
  QuantisedConvolution stored(const Layer& layer) const {
    ops::Convolution conv;
    conv.weight = layer.filters;
    conv.bias = layer.bias;
    conv.input_scale = scales_.at(input_of(layer)).scale;
    return quantise_convolution(conv);
  }

  std::vector<int64_t> stored_dims(const Layer& layer) const {
    std::vector<int64_t> dims = layer.filters.shape();
    if (layer.transposed) std::reverse(dims.begin(), dims.end());
    return dims;
  }
  template <typename Value>
  std::vector<Value> in_order_of_file(const Layer& layer, const std::vector<Value>& values) const {
    if (!layer.transposed) return values;
    const int64_t rows = layer.filters.size(0);
    return transpose(values, rows, static_cast<int64_t>(values.size()) / rows);
  }

  /// Beside each layer stands the same one with 8 bits, for inputs as in f32.
  void compare() {
    OnnxGraph both = graph_;
    std::vector<Operator> nodes;
    std::map<std::string, std::string> rounded;
    std::vector<std::string> values;
    std::vector<Layer*> compared;
    size_t next = 0;
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Operator& node = graph_.nodes()[n];
      nodes.push_back(node);
      if (next == layers_.size() || layers_[next].node != n) continue;
      Layer& layer = layers_[next++];
      if (!layer.quantised()) continue;
      const std::string& input = input_of(layer);
      if (!rounded.contains(input)) rounded[input] = add_pair(both, nodes, input);
      const std::string weight = concat("assemble/", layer.name, "/rounded");
      const Array in_8_bits = stored(layer).weights.dequantised(layer.filters.shape());
      const std::vector<float> floats(in_8_bits.values().begin(), in_8_bits.values().end());
      both.add_constant({weight, OnnxType::kFloat, stored_dims(layer), bytes_of(in_order_of_file(layer, floats))});
      Operator copy = node;
      copy.inputs[0] = rounded[input];
      copy.inputs[1] = weight;
      const std::string output = concat("assemble/", layer.name, "/in 8 bits");
      nodes.push_back(OnnxGraph::with_output(copy, output));
      values.push_back(output_of(layer));
      values.push_back(output);
      compared.push_back(&layer);
    }
    both.set_nodes(std::move(nodes));
    std::vector<float> wanted;
    observe(with_outputs(both, values), observed_names(values.size()), "pass 3 of 3: errors",
            [&](size_t i, std::span<const float> found, const std::vector<int64_t>& shape) {
              if (i % 2 == 0) {
                wanted.assign(found.begin(), found.end());
              } else {
                add_errors(*compared[i / 2], wanted, found, shape);
              }
            });
  }

  static void add_errors(Layer& layer, std::span<const float> wanted, std::span<const float> found,
                         const std::vector<int64_t>& shape) {
    const auto channels = static_cast<size_t>(layer.filters.size(0));
    const bool map = shape.size() >= 3 && shape[1] == layer.filters.size(0) && layer.filters.shape().size() > 2;
    size_t places = 1;
    for (size_t i = 2; map && i < shape.size(); ++i) places *= static_cast<size_t>(shape[i]);
    layer.errors.sums.resize(channels);
    for (size_t i = 0; i < wanted.size(); ++i) {
      const double value = wanted[i], error = value - static_cast<double>(found[i]);
      layer.errors.sums[i / places % channels] += error;
      layer.errors.squares += error * error;
      layer.errors.output += value * value;
    }
    layer.errors.positions += static_cast<double>(wanted.size()) / static_cast<double>(channels);
  }

  /// QuantizeLinear and DequantizeLinear of a value. @return what comes out
  std::string add_pair(OnnxGraph& graph, std::vector<Operator>& nodes, const std::string& value) const {
    const Scale& scale = scales_.at(value);
    const std::string name = "assemble/" + value;
    graph.add_constant({name + "/scale", OnnxType::kFloat, {}, bytes_of(std::vector<float>{scale.scale})});
    graph.add_constant({name + "/zero", OnnxType::kUint8, {}, bytes_of(std::vector<uint8_t>{scale.zero})});
    nodes.push_back(OnnxGraph::make_node(
        {"QuantizeLinear", name + "/q", {value, name + "/scale", name + "/zero"}, {name + "/q"}, {}}));
    nodes.push_back(OnnxGraph::make_node(
        {"DequantizeLinear", name + "/dq", {name + "/q", name + "/scale", name + "/zero"}, {name + "/dq"}, {}}));
    return name + "/dq";
  }

  /// DequantizeLinear of constants, with a scale a channel. OpenVINO takes biases as they are stored where no zero
  /// point is written. @return what comes out
  static std::string add_dequantised(OnnxGraph& graph, std::vector<Operator>& nodes, const std::string& name,
                                     OnnxTensor values, const std::vector<float>& scales, int64_t axis) {
    const auto channels = static_cast<int64_t>(scales.size());
    const size_t bytes = scales.size() * (values.type == OnnxType::kInt8 ? 1 : sizeof(int32_t));
    values.name = name + "/q";
    graph.add_constant({name + "/scale", OnnxType::kFloat, {channels}, bytes_of(scales)});
    graph.add_constant({name + "/zero", values.type, {channels}, Bytes(bytes)});
    graph.add_constant(values);
    nodes.push_back(OnnxGraph::make_node(
        {"DequantizeLinear", name, {name + "/q", name + "/scale", name + "/zero"}, {name}, {{"axis", axis}}}));
    return name;
  }

  std::string add_weights(OnnxGraph& graph, std::vector<Operator>& nodes, const Layer& layer,
                          const QuantisedWeights& weights) const {
    return add_dequantised(graph, nodes, concat("assemble/", layer.name, "/weight"),
                           {"", OnnxType::kInt8, stored_dims(layer), bytes_of(in_order_of_file(layer, weights.values))},
                           weights.scales, layer.transposed ? 1 : 0);
  }

  void add_layer(OnnxGraph& graph, std::vector<Operator>& nodes, Layer layer, const std::string& input) const {
    const std::vector<float> bias = corrected_bias(layer);
    const bool needs_bias = !is_product(layer) && (layer.has_bias || options_.correct_bias);
    if (needs_bias) layer.bias = Array({layer.filters.size(0)}, bias);
    const QuantisedConvolution weights = stored(layer);
    const std::string name = "assemble/" + layer.name;
    const int64_t channels = layer.filters.size(0);
    Operator node = node_of(layer);
    node.inputs[0] = input;
    node.inputs[1] = add_weights(graph, nodes, layer, weights.weights);
    if (!weights.bias.empty()) {
      node.inputs.resize(3);
      node.inputs[2] =
          add_dequantised(graph, nodes, name + "/bias", {"", OnnxType::kInt32, {channels}, bytes_of(weights.bias)},
                          weights.bias_scales, 0);
    }
    if (!is_product(layer)) return nodes.push_back(std::move(node));
    const bool has_sum = !layer.added.empty();
    graph.add_constant(
        {name + "/addend", OnnxType::kFloat, has_sum ? layer.addend.dims : std::vector{channels}, bytes_of(bias)});
    if (has_sum) return nodes.push_back(std::move(node));
    const std::string product = name + "/product", output = node.outputs[0];
    nodes.push_back(OnnxGraph::with_output(node, product));
    nodes.push_back(OnnxGraph::make_node({"Add", output, {product, name + "/addend"}, {output}, {}}));
  }

  /// The sum behind a MatMul, with the bias that makes up for its errors.
  void correct_sum(Operator& node) const {
    for (const Layer& layer : layers_) {
      if (!layer.quantised() || layer.added.empty() || layer.added != node.outputs[0]) continue;
      node.inputs[node.inputs[0] == output_of(layer) ? 1 : 0] = concat("assemble/", layer.name, "/addend");
    }
  }

  std::string rewritten() const {
    OnnxGraph graph = graph_;
    std::vector<Operator> nodes;
    std::map<std::string, std::string> rounded;
    const auto rounded_value = [&](const std::string& value) {
      const auto found = rounded.find(value);
      return found != rounded.end() ? found->second : rounded[value] = add_pair(graph, nodes, value);
    };
    size_t next = 0;
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      Operator node = graph_.nodes()[n];
      const bool is_layer = next < layers_.size() && layers_[next].node == n;
      const Layer* layer = is_layer ? &layers_[next++] : nullptr;
      if (layer != nullptr && layer->quantised()) {
        add_layer(graph, nodes, *layer, rounded_value(input_of(*layer)));
        continue;
      }
      if (layer != nullptr && layer->weights_only) {
        node.inputs[1] = add_weights(graph, nodes, *layer, quantise_weights(layer->filters));
      }
      if (node.type == "Add" && sums_.contains(node.outputs[0])) {
        for (std::string& input : node.inputs) input = rounded_value(input);
      }
      if (node.type == "Add") correct_sum(node);
      nodes.push_back(std::move(node));
    }
    graph.set_nodes(std::move(nodes));
    return graph.serialise();
  }

  /// Operators that only move values, or that layers and sums are, are not counted.
  std::vector<std::string> left_in_f32() const {
    static const std::set<std::string> moving{"Constant", "Identity",  "Reshape", "Transpose",       "Flatten",
                                              "Squeeze",  "Unsqueeze", "Concat",  "Slice",           "Split",
                                              "Gather",   "Shape",     "Cast",    "ConstantOfShape", "Expand",
                                              "Pad",      "Range",     "Equal",   "Where",           "Conv",
                                              "Gemm",     "Relu",      "Clip",    "MaxPool"};
    std::map<std::string, int64_t> counts;
    for (const Operator& node : graph_.nodes()) {
      const bool sum = node.type == "Add" && sums_.contains(node.outputs[0]);
      const bool product = node.type == "MatMul" &&
                           std::ranges::any_of(layers_, [&](const Layer& layer) { return &node_of(layer) == &node; });
      if (!sum && !product && !moving.contains(node.type)) ++counts[node.type];
    }
    std::vector<std::string> left;
    left.reserve(counts.size());
    for (const auto& [type, count] : counts) left.push_back(concat(type, " ×", count));
    return left;
  }

  const fs::path file_;
  const OnnxGraph graph_;
  const ForeignModel& model_;
  const std::vector<Images>& images_;
  const QuantiseOptions& options_;
  int64_t count_ = 0;
  std::vector<Layer> layers_;
  std::set<std::string> sums_;  ///< outputs of those additions
  std::map<std::string, Scale> scales_;
  std::set<std::string> single_places_;  ///< values whose maps are 1×1
};

}  // namespace

QuantisedForeign quantise_foreign(const fs::path& file, const ForeignModel& model, const std::vector<Images>& images,
                                  const QuantiseOptions& options) {
  if (file.extension() == kIrEnding) {
    throw InputError(file.string(), "is OpenVINO's: 8 bits are made of .onnx files",
                     "give the .onnx file that it was made of");
  }
  return ForeignQuantiser(file, model, images, options).run();
}

}  // namespace assemble
