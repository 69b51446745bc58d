// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace assemble::nn {

/// Side of ECA's filter for so many channels: (log2(channels) + 1) / 2 truncated, the next odd number, at least 3.
int64_t eca_kernel(int64_t channels);

/// Efficient channel attention (Wang et al., arXiv 1910.03151), as in timm: the mean of each channel goes through one
/// filter along the channels, without bias and padded with zeros, and its sigmoid weighs the channel.
/// Shapes: [N, C, H, W] to the same. weight [1, 1, k, 1], k = eca_kernel(C): timm's `conv.weight` [1, 1, k].
class EfficientChannelAttentionImpl : public torch::nn::Module {
 public:
  explicit EfficientChannelAttentionImpl(int64_t channels);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  torch::Tensor weight;
};
TORCH_MODULE(EfficientChannelAttention);

}  // namespace assemble::nn
