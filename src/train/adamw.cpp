// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/adamw.h"

namespace assemble {

AdamW::AdamW(const std::vector<TrainedParameter>& parameters, double weight_decay, const AdamOptions& options)
    : Optimizer(parameters, weight_decay, {"momentum", "variance"}, /*counts_steps=*/true), options_(options) {}

void AdamW::step_group(Stepped& stepped, double weight_decay, const Rate& rate) {
  const std::vector<torch::Tensor> counts(stepped.parameters.size(), steps());
  const auto step = [&](const auto& learning_rate) {
    at::_fused_adamw_(stepped.parameters, stepped.gradients, stepped.buffers[0], stepped.buffers[1],
                      /*max_exp_avg_sqs=*/{}, counts, learning_rate, options_.beta1, options_.beta2, weight_decay,
                      options_.epsilon, /*amsgrad=*/false, /*maximize=*/false, /*grad_scale=*/{}, overflow());
  };
  rate.tensor.defined() ? step(rate.tensor) : step(rate.value);
}

}  // namespace assemble
