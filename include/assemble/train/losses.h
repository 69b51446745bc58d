// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/deploy/loss_type.h"

namespace assemble {

/// What the sum of binary cross-entropies is divided by.
enum class SigmoidDivisor {
  kLabels,   ///< Σ labels, at least 1: the original
  kClasses,  ///< images · classes: timm's BinaryCrossEntropy
};

inline constexpr auto kSigmoidDivisors = choices<SigmoidDivisor>(
    "sigmoid.divisor", {{SigmoidDivisor::kLabels, "labels"}, {SigmoidDivisor::kClasses, "classes"}});

/// Options of LossType::kSigmoid.
struct SigmoidOptions {
  SigmoidDivisor divisor = SigmoidDivisor::kLabels;
  /// With kClasses: targets above it become 1, others 0, after mixing and smoothing; 0: they stay as they are.
  double target_threshold = 0;
};

/// [N] class indices to [N, classes] floats, on the labels' device.
torch::Tensor one_hot_labels(const torch::Tensor& labels, int64_t classes);

/// Classification loss over soft labels, a scalar in f32.
///
/// Softmax, cosine and ArcFace (whose margin arcface_logits() adds before): mean over the batch of -Σ_c t_c · log
/// softmax(logits)_c with t = labels · (1 - smoothing) + smoothing / C. Sigmoid: Σ of the binary cross-entropies over
/// batch and classes, divided as SigmoidOptions says; smoothing applies with SigmoidDivisor::kClasses alone, to the
/// same t. Reference: losses/cls_losses.py, timm/loss/binary_cross_entropy.py.
/// @param logits [N, C], any floating type
/// @param labels [N, C], one-hot, of several labels (sigmoid) or mixed
/// @param log_priors [C], added to the logits: log_priors() for ClassBalance::kLoss, of the softmax losses; undefined:
///        nothing is
torch::Tensor classification_loss(LossType type, const torch::Tensor& logits, const torch::Tensor& labels,
                                  double smoothing, const SigmoidOptions& sigmoid = {},
                                  const torch::Tensor& log_priors = {});

/// Jensen-Shannon divergence of what a network says of three views of each image (AugMix, arXiv 1912.02781), mean over
/// the batch: ⅓ Σ KL(p_v ‖ mean of p) with the mean at least 1e-7, as published.
/// @param logits [N, 3, C]
torch::Tensor jensen_shannon(const torch::Tensor& logits);

/// Distillation (Hinton et al., arXiv 1503.02531): T² · CE(softmax(teacher / T), logits / T), mean over the batch.
/// @param teacher_labels [N, C], already softmax(teacher / T), possibly mixed
torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher_labels, double temperature);

}  // namespace assemble
