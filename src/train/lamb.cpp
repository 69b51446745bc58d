// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/lamb.h"

#include <cmath>

namespace assemble {
namespace {

/// ‖w‖ / ‖u‖, or 1 where one of them is 0.
torch::Tensor trust(const torch::Tensor& weight, const torch::Tensor& update) {
  const torch::Tensor of_weight = weight.norm(), of_update = update.norm();
  const torch::Tensor ratio = of_weight / of_update;
  return torch::where(of_weight.gt(0).logical_and(of_update.gt(0)), ratio, torch::ones_like(ratio));
}

}  // namespace

Lamb::Lamb(const std::vector<TrainedParameter>& parameters, double weight_decay, const AdamOptions& options)
    : Optimizer(parameters, weight_decay, {"momentum", "variance"}, /*counts_steps=*/true), options_(options) {}

void Lamb::step_group(Stepped& stepped, double weight_decay, const Rate& rate) {
  if (has_overflowed()) return;
  const auto count = steps().item<double>();
  const double mean_share = 1 - std::pow(options_.beta1, count), square_share = 1 - std::pow(options_.beta2, count);
  for (size_t i = 0; i < stepped.parameters.size(); ++i) {
    torch::Tensor& weight = stepped.parameters[i];
    const torch::Tensor& gradient = stepped.gradients[i];
    torch::Tensor& mean = stepped.buffers[0][i].mul_(options_.beta1).add_(gradient, 1 - options_.beta1);
    torch::Tensor& square = stepped.buffers[1][i].mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
    torch::Tensor update = (mean / mean_share).div_((square.sqrt() / std::sqrt(square_share)).add_(options_.epsilon));
    if (weight_decay != 0) {
      update.add_(weight, weight_decay);
      update.mul_(trust(weight, update));
    }
    weight.add_(update, -rate.value);
  }
}

}  // namespace assemble
