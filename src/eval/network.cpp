// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/network.h"

#include "assemble/core/error.h"

namespace assemble {

Outputs outputs_of(const ModelCard& card, const std::string& file) {
  return {card.classes(), parse_loss_type(card.loss), file};
}

void require_finite(const torch::Tensor& values, const std::string& network,
                    const std::function<std::string(int64_t)>& name_of) {
  if (values.numel() == 0) return;
  const torch::Tensor finite = values.isfinite().flatten(1).all(1).to(torch::kCPU);
  if (finite.all().item<bool>()) return;
  const int64_t row = finite.logical_not().to(torch::kInt).argmax().item<int64_t>();
  throw RunError(network, concat("its outputs for ", name_of(row), " are not finite"),
                 "the training diverged or was too short for its batch norms, or the file is damaged");
}

Network make_network(const Classifier& model, torch::Device device, Precision precision) {
  model->to(device);
  model->eval();
  return [model, device, precision](const torch::Tensor& images) {
    const torch::NoGradGuard no_grad;
    const AutocastGuard autocast(device, precision);
    return model->forward(images.to(device)).to(torch::kCPU, torch::kFloat);
  };
}

}  // namespace assemble
