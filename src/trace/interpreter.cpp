// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/interpreter.h"

#include <torch/torch.h>

#include "assemble/deploy/quantised_weights.h"
#include "assemble/trace/arrays.h"
#include "fused_convolution.h"

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

NodeWeights prepare(const Op& op, torch::Device device) {
  const auto moved = [&](const Tensor& values) { return values.defined() ? values.to(device) : values; };
  if (const auto* conv = std::get_if<ops::Convolution>(&op)) {
    const Array weight =
        conv->quantised ? quantise_convolution(*conv).weights.dequantised(conv->weight.shape()) : conv->weight;
    return {moved(to_tensor(weight)).contiguous(torch::MemoryFormat::ChannelsLast), moved(to_tensor(conv->bias))};
  }
  if (const auto* norm = std::get_if<ops::BatchNorm>(&op)) {
    const auto by_channel = [&](const std::vector<float>& values) {
      return moved(torch::tensor(values)).view({1, -1, 1, 1});
    };
    return {by_channel(norm->scale()), by_channel(norm->shift())};
  }
  return {};
}

/// What a convolution reads, and what it pads itself.
std::pair<Tensor, std::vector<int64_t>> padded_evenly(const Padding& padding, const Tensor& input) {
  const bool even = padding.top == padding.bottom && padding.left == padding.right;
  if (even) return {input, {padding.top, padding.left}};
  return {zero_padded(input, padding), {0, 0}};
}

Tensor run(const ops::Convolution& conv, const std::vector<Tensor>& in, const NodeWeights& weights) {
  const auto [input, sides] = padded_evenly(conv.padding, in[0]);
  Tensor output =
      torch::conv2d(input, weights.weight, weights.bias, {conv.stride, conv.stride}, sides, {1, 1}, conv.groups);
  return conv.relu ? output.relu_() : output;
}

Tensor run(const ops::BatchNorm&, const std::vector<Tensor>& in, const NodeWeights& weights) {
  return in[0] * weights.weight + weights.bias;
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
  if (pad.mode == ops::PadMode::kZero) return zero_padded(in[0], pad.padding);
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
  const auto& [scale, is_signed] = quantise.quantisation;
  return (in[0] / scale).round_().clamp_(is_signed ? -128 : 0, is_signed ? 127 : 255).mul_(scale);
}

Tensor run(const ops::Embedding&, const std::vector<Tensor>& in) { return in[0]; }

Tensor compute(const Op& op, const std::vector<Tensor>& inputs, const NodeWeights& weights) {
  return std::visit(
      [&](const auto& kind) {
        if constexpr (requires { run(kind, inputs, weights); }) {
          return run(kind, inputs, weights);
        } else {
          return run(kind, inputs);
        }
      },
      op);
}

}  // namespace

Tensor compute(const Op& op, const std::vector<Tensor>& inputs) {
  return compute(op, inputs, prepare(op, inputs.at(0).device()));
}

Interpreter::Interpreter(const Graph& graph, torch::Device device, const FusedKernel& fused)
    : graph_(graph), fused_(fused), summed_(graph.nodes().size()) {
  for (const Node& node : graph_.nodes()) weights_.push_back(prepare(node.op, device));
  if (!fused_.compute) return;
  summed_ = summed_convolutions(graph_);
  for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
    const auto* conv = graph_.node(id).as<ops::Convolution>();
    if (conv != nullptr && conv->relu && can_be_fused(*conv)) prepare_fused(id);
    if (summed_[id]) prepare_fused(*summed_[id]);
  }
}

void Interpreter::prepare_fused(NodeId id) {
  auto& [weight, bias] = weights_[id];
  weight = weight.to(fused_.type);
  bias = bias.defined() ? bias.to(fused_.type) : torch::zeros({weight.size(0)}, weight.options());
}

/// @param added undefined for a convolution that ends in a ReLU
Tensor Interpreter::run_fused(NodeId id, const Tensor& input, const Tensor& added) const {
  const ops::Convolution& conv = *graph_.node(id).as<ops::Convolution>();
  const auto as_taken = [&](const Tensor& values) {
    return values.defined() ? values.to(fused_.type).contiguous(torch::MemoryFormat::ChannelsLast) : values;
  };
  const auto [padded, sides] = padded_evenly(conv.padding, input);
  return fused_.compute(
      {as_taken(padded), weights_[id].weight, weights_[id].bias, as_taken(added), {conv.stride, conv.stride}, sides});
}

Tensor Interpreter::run(const Tensor& images, const Observe& observe) const {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> values(graph_.nodes().size());
  std::vector<bool> is_summed(values.size(), false);
  for (const auto& conv : summed_) {
    if (conv) is_summed[*conv] = true;
  }
  std::vector<size_t> readers_left;
  for (const auto& readers : graph_.readers()) readers_left.push_back(readers.size());
  for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
    const Node& node = graph_.node(id);
    std::vector<Tensor> inputs;
    for (const NodeId input : node.inputs) inputs.push_back(values[input]);
    if (inputs.empty()) inputs.push_back(images);
    const auto* conv = node.as<ops::Convolution>();
    if (is_summed[id]) {
      values[id] = inputs[0];  // what its sum computes it from
    } else if (summed_[id]) {
      const size_t of_conv = node.inputs[0] == *summed_[id] ? 0 : 1;
      values[id] = run_fused(*summed_[id], inputs[of_conv], inputs[1 - of_conv]);
    } else if (fused_.compute && conv != nullptr && conv->relu && can_be_fused(*conv)) {
      values[id] = run_fused(id, inputs[0], {});
    } else {
      values[id] = compute(node.op, inputs, weights_[id]);
    }
    if (observe) observe(graph_, id, inputs, values[id]);
    for (const NodeId input : node.inputs) {
      if (--readers_left[input] == 0) values[input] = Tensor();
    }
  }
  return values.back();
}

Tensor interpret(const Graph& graph, const Tensor& images, const Observe& observe) {
  return Interpreter(graph, images.device()).run(images, observe);
}

}  // namespace assemble
