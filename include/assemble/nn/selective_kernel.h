// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/pimpl.h>

#include "assemble/nn/batch_norm.h"
#include "assemble/nn/conv_bn.h"

namespace assemble::nn {

/// Options of SelectiveKernel.
struct SelectiveKernelOptions {
  int64_t in_channels = 0;
  int64_t filters = 0;  ///< output channels
  int64_t stride = 1;
  double bn_momentum = 0.997;
};

/// Selective kernel (Li et al., arXiv 1903.06586) as the paper of Assemble simplifies it: both paths share one 3×3
/// convolution of twice the filters.
///
///   [a, b] = relu(BN(conv3×3(x)))             two halves of `filters` channels
///   z = relu(BN(W1 · mean(a + b)))            max(filters / 2, 32) channels
///   [u, v] = W2 · z,  y = a · e^u / (e^u + e^v) + b · e^v / (e^u + e^v)
///
/// Shapes: [N, in, H, W] to [N, filters, ceil(H / stride), ceil(W / stride)]. No ReLU follows.
/// Parameters: conv, bn, fc_reduce (W1), fc_bn, fc_select (W2).
class SelectiveKernelImpl : public torch::nn::Module {
 public:
  explicit SelectiveKernelImpl(const SelectiveKernelOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const SelectiveKernelOptions options;
  Conv conv;
  BatchNorm bn;
  Conv fc_reduce;
  BatchNorm fc_bn;
  Conv fc_select;
};
TORCH_MODULE(SelectiveKernel);

}  // namespace assemble::nn
