// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/core/choice.h"
#include "assemble/deploy/array.h"

namespace assemble {

/// The loss a network is trained with, which says what its logits mean.
enum class LossType {
  kSoftmax,  ///< one class is right: probabilities are the softmax of the logits
  kSigmoid,  ///< a yes or no for every class: probabilities are the sigmoids, and need not add up to 1
  kCosine,   ///< cosine-softmax: logits are s · cos θ of embedding and class; probabilities as kSoftmax
  kArcFace,  ///< the same with an angular margin in training
};

inline constexpr auto kLossTypes = choices<LossType>("loss", {{LossType::kSoftmax, "softmax"},
                                                              {LossType::kSigmoid, "sigmoid"},
                                                              {LossType::kCosine, "cosine"},
                                                              {LossType::kArcFace, "arcface"}});

/// Whether a network trained with it compares directions: its classifier has unit weights, a scale and no bias.
inline bool is_cosine(LossType loss) { return loss == LossType::kCosine || loss == LossType::kArcFace; }

/// A name of kLossTypes. @throws UsageError otherwise
LossType parse_loss_type(const std::string& name);

/// Probabilities of the classes.
/// @param logits [N, C]
Matrix to_probabilities(const Matrix& logits, LossType loss);

/// The same as logarithms, ln p, for one image. Of sigmoids also ln(1 - p), in `others` where it is given.
void log_probabilities(std::span<const float> logits, LossType loss, std::span<double> logs,
                       std::span<double> others = {});

}  // namespace assemble
