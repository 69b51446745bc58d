// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/weight_average.h"

#include <algorithm>

namespace assemble {

WeightAverage::WeightAverage(const ClassifierImpl& model, double decay) : weights_(model.named_state()), decay_(decay) {
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : weights_) averages_.emplace_back(name, tensor.detach().clone());
}

double WeightAverage::decay(int64_t update) const {
  const auto n = static_cast<double>(update);
  return std::min(decay_, (1 + n) / (10 + n));
}

void WeightAverage::update() {
  torch::NoGradGuard no_grad;
  const double decay = this->decay(++updates_);
  for (size_t i = 0; i < weights_.size(); ++i) {
    if (weights_[i].second.is_floating_point()) {
      averages_[i].second.lerp_(weights_[i].second.detach(), 1 - decay);
    } else {
      averages_[i].second.copy_(weights_[i].second);
    }
  }
}

void WeightAverage::swap() {
  torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights_.size(); ++i) {
    torch::Tensor weight = weights_[i].second.detach();
    const torch::Tensor kept = weight.clone();
    weight.copy_(averages_[i].second);
    averages_[i].second.copy_(kept);
  }
}

}  // namespace assemble
