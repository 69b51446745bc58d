// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

namespace assemble::nn {

/// Options of BlurPool.
struct BlurPoolOptions {
  int64_t size = 3;  ///< side N of the filter, 1 … 7
  int64_t stride = 2;
};

/// Anti-aliased downsampling (Zhang, arXiv 1904.11486): each channel is filtered by the N×N binomial filter, whose
/// weights sum to 1, with the stride. The input is mirrored (without repeating its edge) by (N - 1) / 2, rounded down,
/// on each side; N = 1 takes every stride-th pixel.
///
/// Shapes: [N, C, H, W] to [N, C, H', W'] with H' = floor((H + 2 · floor((N - 1) / 2) - N) / stride) + 1. H and W must
/// be above floor((N - 1) / 2). There are no parameters and no buffers: the filter is a constant. Any number of threads
/// may run a module at once.
class BlurPoolImpl : public torch::nn::Module {
 public:
  explicit BlurPoolImpl(const BlurPoolOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void to(torch::Device device, torch::Dtype type, bool non_blocking = false) override;
  void to(torch::Dtype type, bool non_blocking = false) override;
  void to(torch::Device device, bool non_blocking = false) override;
  void pretty_print(std::ostream& stream) const override;

  const BlurPoolOptions options;

 private:
  torch::Tensor filter_;  // [1, 1, N, N], f32, whose values every floating type holds exactly; no buffer: not saved
};
TORCH_MODULE(BlurPool);

/// Row `size` of Pascal's triangle divided by its sum, for example {0.25, 0.5, 0.25}.
/// @throws UsageError unless 1 <= size <= 7
std::vector<double> binomial_filter(int64_t size);

}  // namespace assemble::nn
