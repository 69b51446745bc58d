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

torch::Tensor activate(torch::Tensor input, bool relu6) { return relu6 ? torch::relu6_(input) : input.relu_(); }

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

torch::Tensor DepthwiseSeparableImpl::forward(const torch::Tensor& input) {
  torch::Tensor output = bn1_->forward(conv_dw_->forward(input));
  if (drop1_) output = drop1_->forward(output);
  output = bn2_->forward(conv_pw_->forward(activate(output, options.relu6)));
  if (drop2_) output = drop2_->forward(output);
  output = activate(output, options.relu6);
  return se_ ? se_->forward(output) : output;
}

void DepthwiseSeparableImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::DepthwiseSeparable(" << options.in_channels << ", " << options.out_channels
         << ", stride=" << options.stride << ")";
}

}  // namespace assemble::nn
