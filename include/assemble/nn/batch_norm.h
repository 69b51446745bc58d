// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <functional>

namespace assemble::nn {

/// Brings together what the processes of a run each measured of their parts of a batch: values [K] to [processes, K],
/// in the order of their ranks. All call it at the same points.
using GatherParts = std::function<torch::Tensor(const torch::Tensor&)>;

enum class Activation { kNone, kRelu, kRelu6 };  ///< ReLU6: min(relu(x), 6)

/// In place.
torch::Tensor activate(torch::Tensor input, Activation activation);

/// torch::nn::BatchNorm2d whose batch may lie in several processes: with share_statistics(), mean and variance are
/// those of all the processes' images together, and so are the gradients through them.
///
/// The variances of parts are put together as Chan, Golub & LeVeque do (1979), in doubles, in the order of the ranks:
/// every process gets the same bits.
///
/// What follows is computed with it where that saves a pass over the activations: when training on a processor in
/// channels_last memory (see src/nn/fused_batch_norm.h). Elsewhere the operations are LibTorch's, one by one.
class BatchNormImpl : public torch::nn::BatchNorm2dImpl {
 public:
  using BatchNorm2dImpl::BatchNorm2dImpl;

  /// [N, C, H, W] to the same: activation(BN(input))
  torch::Tensor forward(const torch::Tensor& input, Activation activation = Activation::kNone);
  /// activation(BN(input) + addend), of the same shape
  torch::Tensor forward_sum(const torch::Tensor& input, const torch::Tensor& addend, Activation activation);
  void share_statistics(GatherParts gather) { gather_ = std::move(gather); }

 private:
  bool fuses(const torch::Tensor& input) const;
  torch::Tensor normalise(const torch::Tensor& input);

  GatherParts gather_;
};
TORCH_MODULE(BatchNorm);

constexpr double kBatchNormEpsilon = 1e-5;

/// Batch normalisation (Ioffe & Szegedy, arXiv 1502.03167).
/// @param momentum running = momentum · running + (1 - momentum) · batch; the batch's variance is unbiased there
/// @param zero_gamma gamma starts at 0, so that a residual block starts as the identity
BatchNorm make_batch_norm(int64_t channels, double momentum, bool zero_gamma = false,
                          double epsilon = kBatchNormEpsilon);

/// BatchNormImpl::share_statistics() of every batch norm below a module.
/// @throws UsageError when one is of another type, as a network of the caller's may have
void share_batch_statistics(torch::nn::Module& module, const GatherParts& gather);

}  // namespace assemble::nn
