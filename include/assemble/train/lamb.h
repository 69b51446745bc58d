// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/train/adamw.h"

namespace assemble {

/// LAMB (You et al., arXiv 1904.00962), as timm's Lamb without its own clipping of gradients: u = m̂ / (√v̂ + ε) + λ·w;
/// under weight decay u is scaled to the norm of w; w -= lr·u. Made for large batches.
class Lamb : public Optimizer {
 public:
  Lamb(const std::vector<TrainedParameter>& parameters, double weight_decay, const AdamOptions& options);

 private:
  void step_group(Stepped& stepped, double weight_decay, const Rate& rate) override;

  AdamOptions options_;
};

}  // namespace assemble
