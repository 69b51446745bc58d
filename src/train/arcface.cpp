// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/arcface.h"

#include <torch/torch.h>

#include <cmath>

namespace assemble {
namespace {

constexpr double kLeastSquaredSine = 1e-7;  // the sine's gradient is infinite at 0

}  // namespace

torch::Tensor arcface_logits(const torch::Tensor& logits, const torch::Tensor& labels, double scale, double margin) {
  const torch::Tensor wide = logits.scalar_type() == torch::kDouble ? logits : logits.to(torch::kFloat32);
  if (margin == 0) return wide;
  const torch::Tensor cosine = wide / scale;
  const torch::Tensor sine = (1 - cosine * cosine).clamp_min(kLeastSquaredSine).sqrt();
  const torch::Tensor moved = cosine * std::cos(margin) - sine * std::sin(margin);
  const torch::Tensor beyond = cosine - margin * std::sin(margin);
  const torch::Tensor own = torch::where(cosine > -std::cos(margin), moved, beyond);
  return wide + labels * (own * scale - wide);
}

}  // namespace assemble
