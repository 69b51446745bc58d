// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/efficient_channel_attention.h"

#include <algorithm>
#include <cmath>

#include "assemble/nn/multiply_add_counter.h"

namespace assemble::nn {

int64_t eca_kernel(int64_t channels) {
  const auto side = static_cast<int64_t>((std::log2(static_cast<double>(channels)) + 1) / 2);
  return std::max<int64_t>(side % 2 == 1 ? side : side + 1, 3);
}

EfficientChannelAttentionImpl::EfficientChannelAttentionImpl(int64_t channels)
    : weight(register_parameter("weight", torch::empty({1, 1, eca_kernel(channels), 1}))) {}

torch::Tensor EfficientChannelAttentionImpl::forward(const torch::Tensor& input) {
  // Channels become rows of a map, [N, 1, C, 1].
  const torch::Tensor means = input.mean({2, 3}, /*keepdim=*/true).permute({0, 2, 1, 3});
  const int64_t around = (weight.size(2) - 1) / 2;
  const torch::Tensor codes = torch::conv2d(means, weight, {}, {1, 1}, {around, 0});
  MultiplyAddCounter::add(weight.size(2) * input.size(1));
  return input * codes.permute({0, 2, 1, 3}).sigmoid();
}

void EfficientChannelAttentionImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::EfficientChannelAttention(kernel=" << weight.size(2) << ")";
}

}  // namespace assemble::nn
