// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/gem_pool.h"

#include <cmath>

namespace assemble::nn {

torch::Tensor gem_pool(const torch::Tensor& input) {
  constexpr double kPower = 3;
  const bool narrow = input.scalar_type() != torch::kFloat && input.scalar_type() != torch::kDouble;
  const torch::Tensor clipped = (narrow ? input.to(torch::kFloat) : input).clamp(1e-6, 1e12);
  const torch::Tensor sum = clipped.pow(kPower).sum({2, 3}, /*keepdim=*/true).clamp_min(1e-6);
  const double count = static_cast<double>(input.size(2) * input.size(3));
  return (sum.pow(1 / kPower) * std::pow(count, -1 / kPower)).to(input.scalar_type());
}

}  // namespace assemble::nn
