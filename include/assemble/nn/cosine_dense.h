// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

namespace assemble::nn {

/// Options of CosineDense.
struct CosineDenseOptions {
  int64_t in_features = 0;
  int64_t out_features = 0;
  double scale = 30;  ///< s, above 0
};

/// y_c = s · cos ∠(x, w_c) = s · (x / ‖x‖) · (w_c / ‖w_c‖), with ‖x‖ = √max(Σx², 1e-12); [N, in] to [N, out], within
/// [-s, s]. A softmax over it is the cosine-softmax (NormFace, Wang et al., arXiv 1704.06369). Computed in f32 also
/// under autocast: at s = 30 the rounding of bf16 would be a tenth of a logit.
///
/// Parameters: weight [out, in], of any length; no bias. The weight is not initialised here: see initialise_weights().
class CosineDenseImpl : public torch::nn::Module {
 public:
  explicit CosineDenseImpl(const CosineDenseOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const CosineDenseOptions options;
  torch::Tensor weight;
};
TORCH_MODULE(CosineDense);

}  // namespace assemble::nn
