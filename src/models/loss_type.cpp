// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/loss_type.h"

namespace assemble {

LossType parse_loss_type(const std::string& name) { return kLossTypes.parse(name); }

torch::Tensor to_probabilities(const torch::Tensor& logits, LossType loss) {
  const torch::Tensor logits_f32 = logits.to(torch::kFloat32);
  return loss == LossType::kSigmoid ? torch::sigmoid(logits_f32) : torch::softmax(logits_f32, 1);
}

}  // namespace assemble
