// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/onnx_export.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/deploy/quantised_weights.h"

namespace assemble {
namespace {

using Inputs = std::vector<std::string>;

std::vector<int64_t> onnx_pads(const Padding& padding) {
  return {padding.top, padding.left, padding.bottom, padding.right};
}

class Exporter {
 public:
  explicit Exporter(const Graph& graph) : graph_(graph) {}

  OnnxModel run(const std::map<std::string, std::string>& metadata, const std::vector<NodeId>& observed) {
    model_.name = "assemble";
    model_.metadata = metadata;
    const bool pixels = graph_.input().as<ops::Input>()->pixels;
    model_.inputs.push_back(
        {kImagesInput, pixels ? OnnxType::kUint8 : OnnxType::kFloat, with_batch(graph_.input().shape)});
    for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
      current_ = id;
      Inputs inputs;
      for (const NodeId input : graph_.node(id).inputs) inputs.push_back(values_.at(input));
      values_.push_back(std::visit([&](const auto& op) { return lower(op, inputs); }, graph_.node(id).op));
    }
    model_.nodes.push_back({"Identity", kLogitsOutput, {values_.back()}, {kLogitsOutput}, {}});
    model_.outputs.push_back({kLogitsOutput, OnnxType::kFloat, with_batch(graph_.output().shape)});
    for (size_t i = 0; i < observed.size(); ++i) {
      const std::string output = concat("observed_", i);
      model_.nodes.push_back({"Identity", output, {values_.at(observed[i])}, {output}, {}});
      model_.outputs.push_back({output, OnnxType::kFloat, with_batch(graph_.node(observed[i]).shape)});
    }
    for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
      if (!graph_.node(id).as<ops::Embedding>()) continue;
      model_.nodes.push_back({"Identity", kEmbeddingOutput, {values_.at(id)}, {kEmbeddingOutput}, {}});
      model_.outputs.push_back({kEmbeddingOutput, OnnxType::kFloat, with_batch(graph_.node(id).shape)});
    }
    return std::move(model_);
  }

 private:
  static std::vector<int64_t> with_batch(std::vector<int64_t> shape) {
    shape.insert(shape.begin(), -1);
    return shape;
  }

  const std::string& name() const { return graph_.node(current_).name; }

  /// Adds an operator whose output is named after the current node.
  std::string emit(const std::string& type, Inputs inputs, decltype(OnnxNode::attributes) attributes = {},
                   const std::string& suffix = "") {
    std::string output = name() + suffix;
    model_.nodes.push_back({type, output, std::move(inputs), {output}, std::move(attributes)});
    return output;
  }

  template <typename Value>
  std::string constant(const std::string& suffix, OnnxType type, std::vector<int64_t> dims,
                       std::span<const Value> values) {
    OnnxTensor tensor{name() + suffix, type, std::move(dims), Bytes(values.size_bytes())};
    if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), values.size_bytes());
    model_.constants.push_back(std::move(tensor));
    return name() + suffix;
  }
  std::string scalar(const std::string& suffix, double value) {
    const std::array<float, 1> single{static_cast<float>(value)};
    return constant<float>(suffix, OnnxType::kFloat, {}, single);
  }
  std::string integers(const std::string& suffix, const std::vector<int64_t>& values) {
    return constant<int64_t>(suffix, OnnxType::kInt64, {static_cast<int64_t>(values.size())}, values);
  }
  std::string floats(const std::string& suffix, std::span<const float> values, std::vector<int64_t> dims) {
    if (!all_finite(values)) {
      throw InputError(concat("layer ", name()), "holds NaN or infinity",
                       "its training diverged, or the file is damaged: take an earlier checkpoint");
    }
    return constant<float>(suffix, OnnxType::kFloat, std::move(dims), values);
  }

  std::string relu_if(bool relu, const std::string& value) { return relu ? emit("Relu", {value}, {}, "/relu") : value; }

  std::string lower(const ops::Input&, const Inputs&) { return kImagesInput; }

  std::string lower(const ops::Normalise& normalise, const Inputs& in) {
    std::string value = emit("Cast", in, {{"to", static_cast<int64_t>(OnnxType::kFloat)}}, "/float");
    value = emit("Transpose", {value}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}}, "/channels_first");
    value =
        emit("Sub", {value, constant<float>("/mean", OnnxType::kFloat, {1, 3, 1, 1}, normalise.mean)}, {}, "/centred");
    const std::array<float, 3> ones{1, 1, 1};
    if (normalise.deviation == ones) return value;
    return emit("Div", {value, constant<float>("/deviation", OnnxType::kFloat, {1, 3, 1, 1}, normalise.deviation)});
  }

  void quantised_weights(const ops::Convolution& conv, Inputs& inputs) {
    const QuantisedConvolution quantised = quantise_convolution(conv);
    const int64_t out = conv.weight.size(0);
    const auto channels = static_cast<size_t>(out);
    const std::string weight =
        constant<int8_t>("/weight_q", OnnxType::kInt8, conv.weight.shape(), quantised.weights.values);
    const std::string scales = floats("/weight_scale", quantised.weights.scales, {out});
    const std::string zeros = constant<int8_t>("/weight_zero", OnnxType::kInt8, {out}, std::vector<int8_t>(channels));
    inputs.push_back(emit("DequantizeLinear", {weight, scales, zeros}, {{"axis", int64_t{0}}}, "/weight"));
    if (quantised.bias.empty()) return;
    const std::string bias = constant<int32_t>("/bias_q", OnnxType::kInt32, {out}, quantised.bias);
    const std::string none = constant<int32_t>("/bias_zero", OnnxType::kInt32, {out}, std::vector<int32_t>(channels));
    const std::string steps = floats("/bias_scale", quantised.bias_scales, {out});
    inputs.push_back(emit("DequantizeLinear", {bias, steps, none}, {{"axis", int64_t{0}}}, "/bias"));
  }

  std::string lower(const ops::Convolution& conv, const Inputs& in) {
    Inputs inputs{in[0]};
    if (conv.quantised) {
      quantised_weights(conv, inputs);
    } else {
      inputs.push_back(floats("/weight", conv.weight.values(), conv.weight.shape()));
      if (conv.bias.defined()) inputs.push_back(floats("/bias", conv.bias.values(), {conv.bias.size(0)}));
    }
    const std::vector<int64_t> kernel{conv.weight.size(2), conv.weight.size(3)};
    const std::string value = emit("Conv", std::move(inputs),
                                   {{"kernel_shape", kernel},
                                    {"strides", std::vector<int64_t>{conv.stride, conv.stride}},
                                    {"pads", onnx_pads(conv.padding)},
                                    {"group", conv.groups}});
    return relu_if(conv.relu, value);
  }

  std::string lower(const ops::BatchNorm& norm, const Inputs& in) {
    const std::vector<int64_t> dims{1, norm.weight.count(), 1, 1};
    const std::string scaled = emit("Mul", {in[0], floats("/scale", norm.scale(), dims)}, {}, "/scaled");
    return emit("Add", {scaled, floats("/shift", norm.shift(), dims)});
  }

  std::string lower(const ops::Relu&, const Inputs& in) { return emit("Relu", in); }
  std::string lower(const ops::Sigmoid&, const Inputs& in) { return emit("Sigmoid", in); }
  std::string lower(const ops::Add& add, const Inputs& in) { return relu_if(add.relu, emit("Add", in)); }
  std::string lower(const ops::Subtract&, const Inputs& in) { return emit("Sub", in); }
  std::string lower(const ops::Multiply&, const Inputs& in) { return emit("Mul", in); }

  std::string lower(const ops::Mix&, const Inputs& in) {
    const std::string difference = emit("Sub", {in[1], in[0]}, {}, "/difference");
    const std::string weighted = emit("Mul", {difference, in[2]}, {}, kMixWeighted);
    return emit("Add", {weighted, in[0]});
  }

  template <typename Pool>
  std::string pool(const char* type, const Pool& pool, const Inputs& in, decltype(OnnxNode::attributes) attributes) {
    attributes["kernel_shape"] = std::vector<int64_t>{pool.kernel, pool.kernel};
    attributes["strides"] = std::vector<int64_t>{pool.stride, pool.stride};
    attributes["pads"] = onnx_pads(pool.padding);
    return emit(type, in, std::move(attributes));
  }
  std::string lower(const ops::MaxPool& max, const Inputs& in) { return pool("MaxPool", max, in, {}); }
  std::string lower(const ops::AveragePool& average, const Inputs& in) {
    return pool("AveragePool", average, in, {{"count_include_pad", int64_t{average.count_padding ? 1 : 0}}});
  }

  std::string lower(const ops::Pad& pad, const Inputs& in) {
    const Padding& sides = pad.padding;
    const std::string pads = integers("/pads", {0, 0, sides.top, sides.left, 0, 0, sides.bottom, sides.right});
    const char* mode = pad.mode == ops::PadMode::kReflect ? "reflect"
                       : pad.mode == ops::PadMode::kEdge  ? "edge"
                                                          : "constant";
    return emit("Pad", {in[0], pads}, {{"mode", std::string(mode)}});
  }

  std::string lower(const ops::Mean&, const Inputs& in) {
    return emit("ReduceMean", in, {{"axes", std::vector<int64_t>{2, 3}}, {"keepdims", int64_t{1}}});
  }
  std::string lower(const ops::Sum&, const Inputs& in) {
    return emit("ReduceSum", {in[0], integers("/axes", {2, 3})}, {{"keepdims", int64_t{1}}});
  }
  std::string lower(const ops::Clamp& clamp, const Inputs& in) {
    return emit("Clip", {in[0], scalar("/min", clamp.min), scalar("/max", clamp.max)});
  }
  std::string lower(const ops::Power& power, const Inputs& in) {
    return emit("Pow", {in[0], scalar("/exponent", power.exponent)});
  }
  std::string lower(const ops::Scale& scale, const Inputs& in) {
    return emit("Mul", {in[0], scalar("/factor", scale.factor)});
  }

  std::string upsample(const std::string& in, const std::string& suffix) {
    constexpr std::array<float, 4> kTwice{1, 1, 2, 2};
    const std::string scales = constant<float>("/scales", OnnxType::kFloat, {4}, kTwice);
    return emit("Resize", {in, "", scales},
                {{"mode", std::string("nearest")},
                 {"coordinate_transformation_mode", std::string("asymmetric")},
                 {"nearest_mode", std::string("floor")}},
                suffix);
  }
  std::string lower(const ops::Upsample&, const Inputs& in) { return upsample(in[0], ""); }
  std::string lower(const ops::UpsampleAdd& add, const Inputs& in) {
    return relu_if(add.relu, emit("Add", {upsample(in[0], "/upsampled"), in[1]}));
  }

  std::string lower(const ops::Slice& slice, const Inputs& in) {
    return emit("Slice", {in[0], integers("/begin", {slice.begin}), integers("/end", {slice.end}),
                          integers("/dimension", {slice.dimension}), integers("/step", {slice.step})});
  }
  std::string lower(const ops::Transpose& transpose, const Inputs& in) {
    return emit("Transpose", in, {{"perm", transpose.order}});
  }
  std::string lower(const ops::Reshape& reshape, const Inputs& in) {
    std::vector<int64_t> sizes = reshape.sizes;
    sizes.insert(sizes.begin(), 0);  // 0 keeps the batch
    return emit("Reshape", {in[0], integers("/sizes", sizes)});
  }

  std::string lower(const ops::Quantise& quantise, const Inputs& in) {
    const TensorQuantisation& quantisation = quantise.quantisation;
    const std::string scale = scalar("/scale", quantisation.scale);
    const OnnxType type = quantisation.is_signed ? OnnxType::kInt8 : OnnxType::kUint8;
    const std::string zero = constant<uint8_t>("/zero", type, {}, std::array<uint8_t, 1>{});
    return emit("DequantizeLinear", {emit("QuantizeLinear", {in[0], scale, zero}, {}, "/quantised"), scale, zero});
  }

  std::string lower(const ops::Embedding&, const Inputs& in) { return in[0]; }

  const Graph& graph_;
  NodeId current_ = 0;
  std::vector<std::string> values_;
  OnnxModel model_;
};

}  // namespace

OnnxModel to_onnx(const Graph& graph, const std::map<std::string, std::string>& metadata,
                  const std::vector<NodeId>& observed) {
  return Exporter(graph).run(metadata, observed);
}

}  // namespace assemble
