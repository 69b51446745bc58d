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
};

inline constexpr auto kLossTypes =
    choices<LossType>("loss", {{LossType::kSoftmax, "softmax"}, {LossType::kSigmoid, "sigmoid"}});

/// "softmax" or "sigmoid". @throws UsageError otherwise
LossType parse_loss_type(const std::string& name);

/// Probabilities of the classes.
/// @param logits [N, C]
Matrix to_probabilities(const Matrix& logits, LossType loss);

/// The same as logarithms, ln p, for one image. Of sigmoids also ln(1 - p), in `others` where it is given.
void log_probabilities(std::span<const float> logits, LossType loss, std::span<double> logs,
                       std::span<double> others = {});

}  // namespace assemble
