// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/depthwise_separable.h"

namespace assemble::nn {
namespace {

ConvOptions depthwise(const DepthwiseSeparableOptions& options) {
  return {.in_channels = options.in_channels,
          .out_channels = options.in_channels,
          .kernel = 3,
          .stride = options.stride,
          .groups = options.in_channels,
          .same_padding = options.same_padding};
}

ConvOptions pointwise(const DepthwiseSeparableOptions& options) {
  return {.in_channels = options.in_channels, .out_channels = options.out_channels};
}

BatchNorm batch_norm(int64_t channels, const DepthwiseSeparableOptions& options) {
  return make_batch_norm(channels, options.bn_momentum, /*zero_gamma=*/false, options.bn_epsilon);
}

}  // namespace

DepthwiseSeparableImpl::DepthwiseSeparableImpl(const DepthwiseSeparableOptions& unit_options)
    : options(unit_options),
      conv_dw_(register_module("conv_dw", Conv(depthwise(options)))),
      bn1_(register_module("bn1", batch_norm(options.in_channels, options))),
      conv_pw_(register_module("conv_pw", Conv(pointwise(options)))),
      bn2_(register_module("bn2", batch_norm(options.out_channels, options))) {
  if (options.se_ratio > 0) {
    se_ = register_module(
        "se", SqueezeExcite(SqueezeExciteOptions{.channels = options.out_channels, .ratio = options.se_ratio}));
  }
  if (options.drop_block) {
    DropBlockOptions drop_options = options.drop_block->options;
    drop1_ = register_module("drop1", DropBlock(drop_options, options.drop_block->state));
    ++drop_options.layer;
    drop2_ = register_module("drop2", DropBlock(drop_options, options.drop_block->state));
  }
}

torch::Tensor DepthwiseSeparableImpl::activate_dropped(BatchNorm& bn, DropBlock& drop, const torch::Tensor& input) {
  const Activation activation = options.relu6 ? Activation::kRelu6 : Activation::kRelu;
  return drop ? activate(drop->forward(bn->forward(input)), activation) : bn->forward(input, activation);
}

torch::Tensor DepthwiseSeparableImpl::forward(const torch::Tensor& input) {
  torch::Tensor output = activate_dropped(bn1_, drop1_, conv_dw_->forward(input));
  output = activate_dropped(bn2_, drop2_, conv_pw_->forward(output));
  return se_ ? se_->forward(output) : output;
}

void DepthwiseSeparableImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::DepthwiseSeparable(" << options.in_channels << ", " << options.out_channels
         << ", stride=" << options.stride << ")";
}

}  // namespace assemble::nn
