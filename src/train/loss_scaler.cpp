// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/loss_scaler.h"

#include <ATen/ops/_amp_foreach_non_finite_check_and_unscale.h>
#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

namespace assemble {

LossScaler::LossScaler(torch::Device device, const Options& options)
    : options_(options),
      scale_(at::full({1}, options.initial, at::dtype(at::kFloat).device(device))),
      steps_(at::zeros({1}, at::dtype(at::kInt).device(device))),
      overflow_(at::zeros({1}, at::dtype(at::kFloat).device(device))) {}

void LossScaler::unscale(const std::vector<torch::Tensor>& gradients) {
  const torch::NoGradGuard no_grad;
  overflow_.zero_();
  if (!gradients.empty()) at::_amp_foreach_non_finite_check_and_unscale_(gradients, overflow_, scale_.reciprocal());
}

void LossScaler::update() {
  const torch::NoGradGuard no_grad;
  at::_amp_update_scale_(scale_, steps_, overflow_, options_.growth, options_.backoff, options_.growth_interval);
}

std::vector<std::pair<std::string, torch::Tensor>> LossScaler::state() const {
  return {{"loss_scale", scale_}, {"loss_scale_steps", steps_}};
}

}  // namespace assemble
