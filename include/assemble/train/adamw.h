// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/train/optimizer.h"

namespace assemble {

/// Options of AdamW and LAMB.
struct AdamOptions {
  double beta1 = 0.9;    ///< of the mean of gradients
  double beta2 = 0.999;  ///< of the mean of their squares
  double epsilon = 1e-8;
};

/// AdamW (Loshchilov & Hutter, arXiv 1711.05101), as torch.optim.AdamW: w -= lr·λ·w, then w -= lr · m̂ / (√v̂ + ε). The
/// decay is no part of the gradient, nor of the loss. One fused pass over all parameters.
class AdamW : public Optimizer {
 public:
  AdamW(const std::vector<TrainedParameter>& parameters, double weight_decay, const AdamOptions& options);

 private:
  void step_group(Stepped& stepped, double weight_decay, const Rate& rate) override;

  AdamOptions options_;
};

}  // namespace assemble
