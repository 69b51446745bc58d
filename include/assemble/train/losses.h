// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/deploy/loss_type.h"

namespace assemble {

/// [N] class indices to [N, classes] floats, on the labels' device.
torch::Tensor one_hot_labels(const torch::Tensor& labels, int64_t classes);

/// Classification loss over soft labels, a scalar in f32.
///
/// Softmax, cosine and ArcFace (whose margin arcface_logits() adds before): mean over the batch of -Σ_c t_c · log
/// softmax(logits)_c with t = labels · (1 - smoothing) + smoothing / C. Sigmoid: Σ of the binary cross-entropies over
/// batch and classes, divided by Σ labels; smoothing does not apply. Reference: losses/cls_losses.py.
/// @param logits [N, C], any floating type
/// @param labels [N, C], one-hot or mixed
torch::Tensor classification_loss(LossType type, const torch::Tensor& logits, const torch::Tensor& labels,
                                  double smoothing);

/// Jensen-Shannon divergence of what a network says of three views of each image (AugMix, arXiv 1912.02781), mean over
/// the batch: ⅓ Σ KL(p_v ‖ mean of p) with the mean at least 1e-7, as published.
/// @param logits [N, 3, C]
torch::Tensor jensen_shannon(const torch::Tensor& logits);

/// Distillation (Hinton et al., arXiv 1503.02531): T² · CE(softmax(teacher / T), logits / T), mean over the batch.
/// @param teacher_labels [N, C], already softmax(teacher / T), possibly mixed
torch::Tensor distillation_loss(const torch::Tensor& logits, const torch::Tensor& teacher_labels, double temperature);

}  // namespace assemble
