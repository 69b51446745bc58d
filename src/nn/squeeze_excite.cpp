// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/squeeze_excite.h"

#include <algorithm>

namespace assemble::nn {
namespace {

ConvOptions squeeze(const SqueezeExciteOptions& options) {
  return {.in_channels = options.channels,
          .out_channels = std::max<int64_t>(1, options.channels / options.ratio),
          .bias = options.bias};
}

ConvOptions excite(const SqueezeExciteOptions& options) {
  return {.in_channels = squeeze(options).out_channels, .out_channels = options.channels, .bias = options.bias};
}

}  // namespace

SqueezeExciteImpl::SqueezeExciteImpl(const SqueezeExciteOptions& se_options)
    : options(se_options),
      fc1(register_module("fc1", Conv(squeeze(options)))),
      fc2(register_module("fc2", Conv(excite(options)))) {}

torch::Tensor SqueezeExciteImpl::forward(const torch::Tensor& input) {
  const torch::Tensor mean = input.mean({2, 3}, /*keepdim=*/true);
  return input * fc2->forward(fc1->forward(mean).relu_()).sigmoid_();
}

void SqueezeExciteImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::SqueezeExcite(" << options.channels << ", ratio=" << options.ratio << ")";
}

}  // namespace assemble::nn
