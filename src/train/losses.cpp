// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/losses.h"

namespace assemble {
namespace {

torch::Tensor soft_cross_entropy(const torch::Tensor& logits, const torch::Tensor& labels) {
  return -(labels * torch::log_softmax(logits, 1)).sum() / logits.size(0);
}

}  // namespace

torch::Tensor one_hot_labels(const torch::Tensor& labels, int64_t classes) {
  return torch::one_hot(labels, classes).to(torch::kFloat32);
}

torch::Tensor classification_loss(LossType type, const torch::Tensor& logits, const torch::Tensor& labels,
                                  double smoothing, const SigmoidOptions& sigmoid, const torch::Tensor& log_priors) {
  torch::Tensor logits_f32 = logits.to(torch::kFloat32);
  if (log_priors.defined()) logits_f32 = logits_f32 + log_priors;
  if (type == LossType::kSigmoid && sigmoid.divisor == SigmoidDivisor::kLabels) {
    return torch::binary_cross_entropy_with_logits(logits_f32, labels, {}, {}, at::Reduction::Sum) /
           labels.sum().clamp_min(1);
  }
  const double classes = static_cast<double>(logits.size(1));
  torch::Tensor targets = smoothing > 0 ? labels * (1 - smoothing) + smoothing / classes : labels;
  if (type != LossType::kSigmoid) return soft_cross_entropy(logits_f32, targets);
  if (sigmoid.target_threshold > 0) targets = targets.gt(sigmoid.target_threshold).to(targets.dtype());
  return torch::binary_cross_entropy_with_logits(logits_f32, targets, {}, {}, at::Reduction::Mean);
}

torch::Tensor jensen_shannon(const torch::Tensor& logits) {
  const torch::Tensor logs = torch::log_softmax(logits.to(torch::kFloat32), 2), probabilities = logs.exp();
  const torch::Tensor mean = probabilities.mean({1}, /*keepdim=*/true).clamp(1e-7, 1).log();
  return (probabilities * (logs - mean)).sum() / static_cast<double>(logits.size(0) * logits.size(1));
}

torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher_labels, double temperature) {
  return temperature * temperature * soft_cross_entropy(logits.to(torch::kFloat32) / temperature, teacher_labels);
}

}  // namespace assemble
