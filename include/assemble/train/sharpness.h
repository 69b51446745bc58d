// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <utility>
#include <vector>

namespace assemble {

/// The step to the sharpest place nearby of sharpness-aware minimisation (Foret et al., arXiv 2010.01412): while it
/// lives, the weights are w + ρ · g / ‖g‖ with the gradients g that they had, of all of them together; then they are w
/// again, bit for bit, with the gradients that were taken there.
class SharpestNearby {
 public:
  /// Clears the gradients. Weights without one stay. @param rho ρ, a distance in the space of all weights
  SharpestNearby(const std::vector<torch::Tensor>& weights, double rho);
  ~SharpestNearby();
  SharpestNearby(const SharpestNearby&) = delete;
  SharpestNearby& operator=(const SharpestNearby&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> before_;  ///< weights, and what they were
};

}  // namespace assemble
