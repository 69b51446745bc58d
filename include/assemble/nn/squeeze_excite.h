// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "assemble/nn/conv_bn.h"

namespace assemble::nn {

/// Options of SqueezeExcite.
struct SqueezeExciteOptions {
  int64_t channels = 0;
  int64_t ratio = 16;  ///< the bottleneck has max(1, channels / ratio) channels
  bool bias = false;   ///< of both convolutions; starts at 0
};

/// Squeeze and excitation (Hu, Shen & Sun, arXiv 1709.01507), in the original without biases:
///   y = x · sigmoid(W2 · relu(W1 · mean(x) [+ b1]) [+ b2]),
/// the mean over height and width. Shapes: [N, C, H, W] to the same. Parameters: fc1.weight [C/r, C, 1, 1],
/// fc2.weight [C, C/r, 1, 1], with biases fc1.bias [C/r] and fc2.bias [C].
class SqueezeExciteImpl : public torch::nn::Module {
 public:
  explicit SqueezeExciteImpl(const SqueezeExciteOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const SqueezeExciteOptions options;
  Conv fc1;
  Conv fc2;
};
TORCH_MODULE(SqueezeExcite);

}  // namespace assemble::nn
