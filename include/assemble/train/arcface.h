// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace assemble {

/// ArcFace (Deng et al., arXiv 1801.07698): the logit s · cos θ of an image's own class becomes s · cos(θ + m), so that
/// the class has to be nearer by the angle m than without. Beyond θ = π - m, where that would rise again, it is
/// s · (cos θ - m · sin m), as in the authors' implementation. For training alone: nothing is added where a network
/// predicts.
///
/// @param logits [N, C], s · cos θ as nn::CosineDense gives them
/// @param labels [N, C], one-hot
/// @param scale  s, above 0
/// @param margin m in radians, 0 <= m < π/2; 0 leaves the logits as they are
/// @return [N, C] in f32, or f64 for logits in f64
torch::Tensor arcface_logits(const torch::Tensor& logits, const torch::Tensor& labels, double scale, double margin);

}  // namespace assemble
