// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/selective_kernel.h"

#include <algorithm>

#include "blend_halves.h"
#include "channel_tensors.h"

namespace assemble::nn {
namespace {

int64_t reduced(const SelectiveKernelOptions& options) { return std::max<int64_t>(options.filters / 2, 32); }

}  // namespace

SelectiveKernelImpl::SelectiveKernelImpl(const SelectiveKernelOptions& sk_options)
    : options(sk_options),
      conv(register_module("conv", Conv(ConvOptions{.in_channels = options.in_channels,
                                                    .out_channels = 2 * options.filters,
                                                    .kernel = 3,
                                                    .stride = options.stride}))),
      bn(register_module("bn", make_batch_norm(2 * options.filters, options.bn_momentum))),
      fc_reduce(register_module("fc_reduce",
                                Conv(ConvOptions{.in_channels = options.filters, .out_channels = reduced(options)}))),
      fc_bn(register_module("fc_bn", make_batch_norm(reduced(options), options.bn_momentum))),
      fc_select(register_module(
          "fc_select", Conv(ConvOptions{.in_channels = reduced(options), .out_channels = 2 * options.filters}))) {}

torch::Tensor SelectiveKernelImpl::forward(const torch::Tensor& input) {
  const torch::Tensor paths = bn->forward(conv->forward(input), Activation::kRelu);
  // The mean of a + b from the small means of both, not from a large sum.
  const auto means = paths.mean({2, 3}, /*keepdim=*/true).chunk(2, 1);
  const torch::Tensor code = fc_bn->forward(fc_reduce->forward(means[0] + means[1]), Activation::kRelu);
  const auto attention = fc_select->forward(code).chunk(2, 1);
  // Softmax over two values is the sigmoid of their difference.
  const torch::Tensor first_weight = torch::sigmoid(attention[0] - attention[1]);
  if (is_training() && in_passes(paths)) return blend_halves(paths, first_weight);
  const auto halves = paths.chunk(2, 1);
  return torch::lerp(halves[1], halves[0], first_weight);
}

void SelectiveKernelImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::SelectiveKernel(" << options.in_channels << ", " << options.filters
         << ", stride=" << options.stride << ")";
}

}  // namespace assemble::nn
