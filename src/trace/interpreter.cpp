// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/interpreter.h"

#include "assemble/core/error.h"

namespace assemble {
namespace {

using torch::Tensor;

std::vector<int64_t> pads(const Padding& padding) { return {padding.left, padding.right, padding.top, padding.bottom}; }

Tensor zero_padded(const Tensor& input, const Padding& padding, double value = 0) {
  return padding.any() ? torch::constant_pad_nd(input, pads(padding), value) : input;
}

Tensor run(const ops::Input&, const std::vector<Tensor>& in) { return in.at(0); }

Tensor run(const ops::Normalise& normalise, const std::vector<Tensor>& in) {
  const auto row = [&](const std::array<float, 3>& values) {
    return torch::tensor({values[0], values[1], values[2]}).to(in[0].device());
  };
  return ((in[0].to(torch::kFloat) - row(normalise.mean)) / row(normalise.deviation)).permute({0, 3, 1, 2});
}

Tensor by_channel(const Tensor& values) { return values.view({-1, 1, 1, 1}); }

/// |w| that the scale of each filter stands for. One of zeros takes its layer's: any would do.
Tensor largest_weights(const Tensor& weight) {
  const Tensor largest = std::get<0>(weight.abs().flatten(1).max(1));
  const Tensor of_layer = largest.max();
  const Tensor otherwise = torch::where(of_layer == 0, torch::ones_like(of_layer), of_layer);
  return torch::where(largest == 0, otherwise, largest.clamp_min(1e-12));
}

/// Stores a filter's weights with a larger scale where it is below `least`.
void raise_scales(QuantisedWeights& weights, const Tensor& weight, const Tensor& least) {
  const Tensor raised = weights.scales < least;
  weights.scales = torch::where(raised, least, weights.scales);
  weights.values =
      torch::where(by_channel(raised), (weight / by_channel(weights.scales)).round_().to(torch::kChar), weights.values);
}

Tensor quantise_bias(const Tensor& bias, const Tensor& scales) {
  constexpr double kExactInF32 = 1 << 22;
  const Tensor quotient = bias / scales;
  const Tensor exact = bias.to(torch::kDouble) / scales.to(torch::kDouble);
  return torch::where(quotient.abs() < kExactInF32, quotient.to(torch::kDouble), exact).round_().to(torch::kInt);
}

Tensor run(const ops::Convolution& conv, const std::vector<Tensor>& in) {
  Tensor weight = conv.weight;
  if (conv.quantised) {
    const QuantisedWeights quantised = quantise_convolution(conv).weights;
    weight = quantised.values.to(torch::kFloat) * by_channel(quantised.scales);
  }
  const Padding& padding = conv.padding;
  const bool even = padding.top == padding.bottom && padding.left == padding.right;
  const Tensor input = even ? in[0] : zero_padded(in[0], padding);
  const std::vector<int64_t> sides =
      even ? std::vector<int64_t>{padding.top, padding.left} : std::vector<int64_t>{0, 0};
  Tensor output = torch::conv2d(input, weight, conv.bias, {conv.stride, conv.stride}, sides, {1, 1}, conv.groups);
  return conv.relu ? output.relu_() : output;
}

Tensor run(const ops::Affine& affine, const std::vector<Tensor>& in) {
  return in[0] * affine.scale.view({1, -1, 1, 1}) + affine.shift.view({1, -1, 1, 1});
}

Tensor run(const ops::Relu&, const std::vector<Tensor>& in) { return in[0].relu(); }
Tensor run(const ops::Sigmoid&, const std::vector<Tensor>& in) { return in[0].sigmoid(); }
Tensor run(const ops::Subtract&, const std::vector<Tensor>& in) { return in[0] - in[1]; }
Tensor run(const ops::Multiply&, const std::vector<Tensor>& in) { return in[0] * in[1]; }
Tensor run(const ops::Mix&, const std::vector<Tensor>& in) { return torch::lerp(in[0], in[1], in[2]); }

Tensor run(const ops::Add& add, const std::vector<Tensor>& in) {
  Tensor sum = in[0] + in[1];
  return add.relu ? sum.relu_() : sum;
}

Tensor run(const ops::MaxPool& pool, const std::vector<Tensor>& in) {
  const Tensor padded = zero_padded(in[0], pool.padding, -std::numeric_limits<double>::infinity());
  return torch::max_pool2d(padded, {pool.kernel, pool.kernel}, {pool.stride, pool.stride});
}

Tensor run(const ops::AveragePool& pool, const std::vector<Tensor>& in) {
  const Tensor sum =
      torch::avg_pool2d(zero_padded(in[0], pool.padding), {pool.kernel, pool.kernel}, {pool.stride, pool.stride});
  if (pool.count_padding || !pool.padding.any()) return sum;
  const Tensor exist = zero_padded(torch::ones_like(in[0].slice(0, 0, 1).slice(1, 0, 1)), pool.padding);
  return sum / torch::avg_pool2d(exist, {pool.kernel, pool.kernel}, {pool.stride, pool.stride});
}

Tensor run(const ops::Pad& pad, const std::vector<Tensor>& in) {
  return pad.mode == ops::PadMode::kReflect ? torch::reflection_pad2d(in[0], pads(pad.padding))
                                            : torch::replication_pad2d(in[0], pads(pad.padding));
}

Tensor run(const ops::Mean&, const std::vector<Tensor>& in) { return in[0].mean({2, 3}, /*keepdim=*/true); }
Tensor run(const ops::Sum&, const std::vector<Tensor>& in) { return in[0].sum({2, 3}, /*keepdim=*/true); }
Tensor run(const ops::Clamp& clamp, const std::vector<Tensor>& in) { return in[0].clamp(clamp.min, clamp.max); }
Tensor run(const ops::Power& power, const std::vector<Tensor>& in) { return in[0].pow(power.exponent); }
Tensor run(const ops::Scale& scale, const std::vector<Tensor>& in) { return in[0] * scale.factor; }

Tensor run(const ops::Upsample&, const std::vector<Tensor>& in) {
  return torch::upsample_nearest2d(in[0], {2 * in[0].size(2), 2 * in[0].size(3)});
}

Tensor run(const ops::UpsampleAdd& add, const std::vector<Tensor>& in) {
  // Each pixel of the small map is added to a square of 2×2: a view of six dimensions, nothing is upsampled in memory.
  const int64_t n = in[1].size(0), c = in[1].size(1), h = in[0].size(2), w = in[0].size(3);
  const Tensor large = in[1].permute({0, 2, 3, 1}).contiguous().view({n, h, 2, w, 2, c});
  const Tensor small = in[0].permute({0, 2, 3, 1}).contiguous().view({n, h, 1, w, 1, c});
  Tensor sum = (large + small).view({n, 2 * h, 2 * w, c}).permute({0, 3, 1, 2});
  return add.relu ? sum.relu_() : sum;
}

Tensor run(const ops::Slice& slice, const std::vector<Tensor>& in) {
  return in[0].slice(slice.dimension, slice.begin, slice.end, slice.step);
}

Tensor run(const ops::Transpose& transpose, const std::vector<Tensor>& in) { return in[0].permute(transpose.order); }

Tensor run(const ops::Reshape& reshape, const std::vector<Tensor>& in) {
  std::vector<int64_t> sizes{in[0].size(0)};
  sizes.insert(sizes.end(), reshape.sizes.begin(), reshape.sizes.end());
  return in[0].reshape(sizes);
}

Tensor run(const ops::Quantise& quantise, const std::vector<Tensor>& in) {
  return fake_quantise(in[0], quantise.quantisation);
}

}  // namespace

Tensor compute(const Op& op, const std::vector<Tensor>& inputs) {
  return std::visit([&](const auto& kind) { return run(kind, inputs); }, op);
}

Tensor interpret(const Graph& graph, const Tensor& images, const Observe& observe) {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> values(graph.nodes().size());
  std::vector<size_t> readers_left;
  for (const auto& readers : graph.readers()) readers_left.push_back(readers.size());
  for (NodeId id = 0; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(id);
    std::vector<Tensor> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(values[input]);
    if (inputs.empty()) inputs.push_back(images);
    values[id] = compute(node.op, inputs);
    if (observe) observe(graph, id, inputs, values[id]);
    for (const NodeId input : node.inputs) {
      if (--readers_left[input] == 0) values[input] = Tensor();
    }
  }
  return values.back();
}

Tensor fake_quantise(const Tensor& values, const TensorQuantisation& quantisation) {
  const double low = quantisation.is_signed ? -128 : 0;
  const double high = quantisation.is_signed ? 127 : 255;
  return (values / quantisation.scale).round_().clamp_(low, high).mul_(quantisation.scale);
}

QuantisedWeights quantise_weights(const Tensor& weight) {
  const Tensor largest = largest_weights(weight);
  QuantisedWeights best;
  Tensor least;
  for (const int steps : {127, 126, 125, 124}) {
    const Tensor scales = by_channel(largest / steps);
    const Tensor values = (weight / scales).round_();
    const Tensor error = (values * scales - weight).square().flatten(1).sum(1);
    if (!least.defined()) {
      best = {values, scales};
      least = error;
      continue;
    }
    const Tensor better = by_channel(error < least);
    best.values = torch::where(better, values, best.values);
    best.scales = torch::where(better, scales, best.scales);
    least = torch::minimum(least, error);
  }
  return {best.values.to(torch::kChar), best.scales.flatten()};
}

QuantisedConvolution quantise_convolution(const ops::Convolution& conv) {
  constexpr double kLargestBias = 1 << 30;  // as much again is left for the sum of products
  const Tensor weight = conv.weight.to(torch::kFloat);
  QuantisedConvolution result{quantise_weights(weight), {}, {}};
  if (!conv.bias.defined()) return result;
  TORCH_CHECK(conv.input_scale > 0, "a quantised convolution with a bias needs the scale of its input");
  const Tensor bias = conv.bias.to(torch::kFloat);
  raise_scales(result.weights, weight, bias.abs() / (kLargestBias * conv.input_scale));
  result.bias_scales = result.weights.scales * conv.input_scale;
  result.bias = quantise_bias(bias, result.bias_scales);
  return result;
}

}  // namespace assemble
