// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/sharpness.h"

namespace assemble {
namespace {

constexpr double kNoGradient = 1e-12;  // keeps a gradient of zero from dividing by it, as the published code does

}  // namespace

SharpestNearby::SharpestNearby(const std::vector<torch::Tensor>& weights, double rho) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> norms;
  for (const torch::Tensor& weight : weights) {
    if (!weight.grad().defined()) continue;
    norms.push_back(weight.grad().norm());
    before_.emplace_back(weight, weight.detach().clone());
  }
  if (norms.empty()) return;
  const torch::Tensor scale = rho / (torch::stack(norms).norm() + kNoGradient);
  for (auto& [weight, was] : before_) {
    weight.add_(weight.grad() * scale);
    weight.mutable_grad().reset();
  }
}

SharpestNearby::~SharpestNearby() {
  const torch::NoGradGuard no_grad;
  for (auto& [weight, was] : before_) weight.copy_(was);
}

}  // namespace assemble
