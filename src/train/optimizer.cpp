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

Optimizer::Optimizer(const std::vector<TrainedParameter>& parameters, double weight_decay,
                     std::vector<std::string> buffers, bool counts_steps)
    : kinds_(std::move(buffers)) {
  if (counts_steps && !parameters.empty()) steps_ = torch::zeros({}, parameters[0].tensor.options());
  for (const TrainedParameter& parameter : parameters) {
    Group& group = group_of(parameter, parameter.decays ? weight_decay : 0.0);
    group.names.push_back(parameter.name);
    for (std::vector<torch::Tensor>& kind : group.buffers) kind.push_back(torch::zeros_like(parameter.tensor));
    group.parameters.push_back(parameter.tensor);
  }
}

Optimizer::Group& Optimizer::group_of(const TrainedParameter& parameter, double weight_decay) {
  for (Group& group : groups_) {
    if (group.weight_decay == weight_decay && group.rate == parameter.rate) return group;
  }
  return groups_.emplace_back(
      Group{{}, {}, std::vector<std::vector<torch::Tensor>>(kinds_.size()), weight_decay, parameter.rate});
}

void Optimizer::keep_rate_on_device() {
  for (Group& group : groups_) {
    group.learning_rate.tensor = torch::zeros({}, group.parameters[0].options().requires_grad(false));
  }
}

void Optimizer::set_rate(double learning_rate) {
  const torch::NoGradGuard no_grad;
  for (Group& group : groups_) {
    group.learning_rate.value = learning_rate * group.rate;
    if (group.learning_rate.tensor.defined()) group.learning_rate.tensor.fill_(group.learning_rate.value);
  }
}

void Optimizer::apply() {
  torch::NoGradGuard no_grad;
  if (steps_.defined()) steps_.add_(1);
  for (const Group& group : groups_) {
    Stepped stepped = with_gradients(group);
    if (!stepped.parameters.empty()) step_group(stepped, group.weight_decay, group.learning_rate);
  }
  if (scaler_) {
    if (steps_.defined()) steps_.sub_(scaler_->overflow().squeeze());
    scaler_->update();
  }
  zero_grad();
}

void Optimizer::scale_loss(torch::Device device, const LossScaler::Options& options) {
  scaler_ = std::make_unique<LossScaler>(device, options);
}

void Optimizer::unscale_gradients() {
  if (scaler_) scaler_->unscale(gradients());
}

bool Optimizer::has_overflowed() const { return scaler_ && scaler_->overflow().item<float>() != 0; }

std::optional<torch::Tensor> Optimizer::overflow() const {
  return scaler_ ? std::make_optional(scaler_->overflow()) : std::nullopt;
}

std::vector<torch::Tensor> Optimizer::gradients() const {
  std::vector<torch::Tensor> gradients;
  for (const Group& group : groups_) {
    for (const torch::Tensor& parameter : group.parameters) {
      if (parameter.grad().defined()) gradients.push_back(parameter.grad());
    }
  }
  return gradients;
}

Optimizer::Stepped Optimizer::with_gradients(const Group& group) {
  Stepped stepped{{}, {}, std::vector<std::vector<torch::Tensor>>(group.buffers.size())};
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    const torch::Tensor& parameter = group.parameters[i];
    torch::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    // Fused kernels walk raw memory, so all tensors must be laid out alike.
    if (gradient.strides() != parameter.strides()) gradient = torch::empty_like(parameter).copy_(gradient);
    stepped.parameters.push_back(parameter);
    stepped.gradients.push_back(gradient);
    for (size_t kind = 0; kind < group.buffers.size(); ++kind) {
      stepped.buffers[kind].push_back(group.buffers[kind][i]);
    }
  }
  return stepped;
}

void Optimizer::zero_grad() {
  for (Group& group : groups_) {
    for (torch::Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

std::vector<std::pair<std::string, torch::Tensor>> Optimizer::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (size_t kind = 0; kind < kinds_.size(); ++kind) {
    for (const Group& group : groups_) {
      for (size_t i = 0; i < group.names.size(); ++i) {
        state.emplace_back(kinds_[kind] + "." + group.names[i], group.buffers[kind][i]);
      }
    }
  }
  if (steps_.defined()) state.emplace_back("steps", steps_);
  if (scaler_) {
    for (auto& scale : scaler_->state()) state.push_back(std::move(scale));
  }
  return state;
}

double Optimizer::gradient_norm() const {
  torch::NoGradGuard no_grad;
  double sum = 0;
  for (const torch::Tensor& gradient : gradients()) sum += gradient.square().sum().item<double>();
  return std::sqrt(sum);
}

void Optimizer::clip_gradients(double norm, double limit) {
  if (!(norm > limit)) return;
  torch::NoGradGuard no_grad;
  for (torch::Tensor& gradient : gradients()) gradient.mul_(limit / norm);
}

torch::Tensor Optimizer::norm_on_device() const {
  const torch::NoGradGuard no_grad;
  return torch::stack(at::_foreach_norm(gradients(), 2)).norm();
}

void Optimizer::clip_on_device(const torch::Tensor& norm, double limit) {
  const torch::NoGradGuard no_grad;
  at::_foreach_mul_(gradients(), (limit / norm).clamp_max(1));
}

MomentumSgd::MomentumSgd(const std::vector<TrainedParameter>& parameters, const MomentumSgdOptions& options)
    : Optimizer(parameters, options.weight_decay, {"momentum"}, /*counts_steps=*/false), options_(options) {}

void MomentumSgd::step_group(Stepped& stepped, double weight_decay, const Rate& rate) {
  const auto step = [&](const auto& learning_rate) {
    at::_fused_sgd_(stepped.parameters, stepped.gradients, stepped.buffers[0], weight_decay, options_.momentum,
                    learning_rate, /*dampening=*/0.0, options_.nesterov, /*maximize=*/false, /*is_first_step=*/false,
                    /*grad_scale=*/{}, overflow());
  };
  rate.tensor.defined() ? step(rate.tensor) : step(rate.value);
}

double MomentumSgd::regularization() const {
  torch::NoGradGuard no_grad;
  double sum = 0;
  for (const Group& group : groups()) {
    if (group.weight_decay == 0) continue;
    for (const torch::Tensor& parameter : group.parameters) {
      sum += 0.5 * group.weight_decay * parameter.square().sum().item<double>();
    }
  }
  return sum;
}

}  // namespace assemble
