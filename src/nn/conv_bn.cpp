// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/conv_bn.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <cmath>

#include "assemble/nn/cosine_dense.h"
#include "assemble/nn/dense.h"
#include "assemble/nn/efficient_channel_attention.h"
#include "assemble/nn/multiply_add_counter.h"

namespace assemble::nn {
namespace {

// Deviation of a standard normal that is redrawn beyond ±2.
constexpr double kTruncatedDeviation = 0.87962566103423978;
// P(|x| < 2) of a standard normal.
constexpr double kWithinTwoDeviations = 0.95449973610364158;

void draw_convolution(torch::Tensor weight, const at::Generator& generator) {
  const double fan_in = static_cast<double>(weight.numel() / weight.size(0));
  const double deviation = std::sqrt(1.0 / fan_in) / kTruncatedDeviation;
  // The inverse distribution function of uniform numbers: a truncated normal without redrawing.
  torch::Tensor drawn = torch::empty(weight.sizes());
  drawn.uniform_(-kWithinTwoDeviations, kWithinTwoDeviations, generator).erfinv_();
  weight.copy_(drawn.mul_(std::sqrt(2.0) * deviation).clamp_(-2 * deviation, 2 * deviation));
}

void draw_dense(torch::Tensor weight, const at::Generator& generator) {
  const double limit = std::sqrt(6.0 / static_cast<double>(weight.size(0) + weight.size(1)));
  weight.copy_(torch::empty(weight.sizes()).uniform_(-limit, limit, generator));
}

/// Pixels that "SAME" padding adds to a side of this size, at both ends together.
int64_t same_padding(int64_t size, const ConvOptions& options) {
  const int64_t windows = (size + options.stride - 1) / options.stride;
  return std::max<int64_t>((windows - 1) * options.stride + options.kernel - size, 0);
}

}  // namespace

ConvImpl::ConvImpl(const ConvOptions& conv_options) : options(conv_options) {
  TORCH_CHECK(options.kernel % 2 == 1, "Conv needs an odd kernel, not ", options.kernel);
  const auto channels_last = torch::TensorOptions().memory_format(torch::MemoryFormat::ChannelsLast);
  weight = register_parameter("weight", torch::empty({options.out_channels, options.in_channels / options.groups,
                                                      options.kernel, options.kernel},
                                                     channels_last));
  if (options.bias) bias = register_parameter("bias", torch::zeros(options.out_channels));
}

torch::Tensor ConvImpl::forward(const torch::Tensor& input) {
  const int64_t around = options.kernel - 1;
  const int64_t rows = options.same_padding ? same_padding(input.size(2), options) : around;
  const int64_t columns = options.same_padding ? same_padding(input.size(3), options) : around;
  const bool even = rows % 2 == 0 && columns % 2 == 0;
  const torch::Tensor padded =
      even ? input : torch::constant_pad_nd(input, {columns / 2, columns - columns / 2, rows / 2, rows - rows / 2});
  const std::vector<int64_t> padding = even ? std::vector{rows / 2, columns / 2} : std::vector<int64_t>{0, 0};
  torch::Tensor output =
      torch::conv2d(padded, weight, bias, {options.stride, options.stride}, padding, {1, 1}, options.groups);
  MultiplyAddCounter::add(weight.numel() * output.size(2) * output.size(3));
  return output;
}

void ConvImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::Conv(" << options.in_channels << ", " << options.out_channels
         << ", kernel=" << options.kernel << ", stride=" << options.stride << ", groups=" << options.groups << ")";
}

ConvBnImpl::ConvBnImpl(const ConvBnOptions& conv_bn_options)
    : options(conv_bn_options),
      conv(register_module("0", Conv(options.conv))),
      bn(register_module("1", make_batch_norm(options.conv.out_channels, options.bn_momentum))) {}

torch::Tensor ConvBnImpl::forward(const torch::Tensor& input) {
  return bn->forward(conv->forward(input), options.relu ? Activation::kRelu : Activation::kNone);
}

torch::Tensor ConvBnImpl::forward_sum(const torch::Tensor& input, const torch::Tensor& addend) {
  return bn->forward_sum(conv->forward(input), addend, Activation::kRelu);
}

void ConvBnImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::ConvBn(relu=" << options.relu << ")";
}

void initialise_weights(torch::nn::Module& module, uint64_t seed) {
  const torch::NoGradGuard no_grad;
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (const auto& child : module.modules()) {
    if (auto* conv = child->as<ConvImpl>()) draw_convolution(conv->weight, generator);
    if (auto* attention = child->as<EfficientChannelAttentionImpl>()) draw_convolution(attention->weight, generator);
    if (auto* dense = child->as<DenseImpl>()) draw_dense(dense->weight, generator);
    if (auto* dense = child->as<CosineDenseImpl>()) draw_dense(dense->weight, generator);
  }
}

}  // namespace assemble::nn
