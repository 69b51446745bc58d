// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/optimizer.h"

#include <torch/nn/modules/batchnorm.h>

#include <cmath>
#include <set>

namespace assemble {

std::vector<TrainedParameter> trained_parameters(const torch::nn::Module& network) {
  std::set<const at::TensorImpl*> of_batch_norms;
  for (const auto& module : network.modules()) {
    if (!module->as<torch::nn::BatchNorm2dImpl>()) continue;
    for (const torch::Tensor& tensor : module->parameters()) of_batch_norms.insert(tensor.unsafeGetTensorImpl());
  }
  std::vector<TrainedParameter> parameters;
  for (const auto& item : network.named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool decays = !of_batch_norms.contains(item.value().unsafeGetTensorImpl());
    parameters.push_back({item.key(), item.value(), decays});
  }
  return parameters;
}

MomentumSgd::MomentumSgd(const std::vector<TrainedParameter>& parameters, const MomentumSgdOptions& options)
    : options_(options) {
  for (const TrainedParameter& parameter : parameters) {
    Group& group = group_of(parameter);
    group.names.push_back(parameter.name);
    group.velocities.push_back(torch::zeros_like(parameter.tensor));
    group.parameters.push_back(parameter.tensor);
  }
}

MomentumSgd::Group& MomentumSgd::group_of(const TrainedParameter& parameter) {
  const double weight_decay = parameter.decays ? options_.weight_decay : 0.0;
  for (Group& group : groups_) {
    if (group.weight_decay == weight_decay && group.rate == parameter.rate) return group;
  }
  return groups_.emplace_back(Group{{}, {}, {}, weight_decay, parameter.rate});
}

void MomentumSgd::step(double learning_rate) {
  torch::NoGradGuard no_grad;
  for (Group& group : groups_) step_group(group, learning_rate * group.rate);
  zero_grad();
}

void MomentumSgd::step_group(Group& group, double learning_rate) {
  std::vector<torch::Tensor> parameters, gradients, velocities;
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const torch::Tensor& parameter = group.parameters[i];
    torch::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    // The fused kernel walks raw memory, so all three tensors must be laid out alike.
    if (gradient.strides() != parameter.strides()) gradient = torch::empty_like(parameter).copy_(gradient);
    parameters.push_back(parameter);
    gradients.push_back(gradient);
    velocities.push_back(group.velocities[i]);
  }
  if (parameters.empty()) return;
  at::_fused_sgd_(parameters, gradients, velocities, group.weight_decay, options_.momentum, learning_rate,
                  /*dampening=*/0.0, options_.nesterov, /*maximize=*/false, /*is_first_step=*/false);
}

void MomentumSgd::zero_grad() {
  for (Group& group : groups_) {
    for (torch::Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

double MomentumSgd::regularization() const {
  torch::NoGradGuard no_grad;
  double sum = 0;
  for (const Group& group : groups_) {
    if (group.weight_decay == 0) continue;
    for (const torch::Tensor& parameter : group.parameters) {
      sum += 0.5 * group.weight_decay * parameter.square().sum().item<double>();
    }
  }
  return sum;
}

std::vector<std::pair<std::string, torch::Tensor>> MomentumSgd::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const Group& group : groups_) {
    for (size_t i = 0; i < group.names.size(); ++i) state.emplace_back(group.names[i], group.velocities[i]);
  }
  return state;
}

double MomentumSgd::clip_gradients(double limit) {
  torch::NoGradGuard no_grad;
  double sum = 0;
  std::vector<torch::Tensor> gradients;
  for (const Group& group : groups_) {
    for (const torch::Tensor& parameter : group.parameters) {
      if (!parameter.grad().defined()) continue;
      gradients.push_back(parameter.grad());
      sum += gradients.back().square().sum().item<double>();
    }
  }
  const double norm = std::sqrt(sum);
  if (norm > limit) {
    for (torch::Tensor& gradient : gradients) gradient.mul_(limit / norm);
  }
  return norm;
}

}  // namespace assemble
