// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>

#include "assemble/core/choice.h"

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

/// Probabilities of the classes, f32.
/// @param logits [N, C], any floating type
torch::Tensor to_probabilities(const torch::Tensor& logits, LossType loss);

}  // namespace assemble
