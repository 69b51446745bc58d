// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

#include "assemble/models/classifier.h"

namespace assemble {

/// Exponential moving average of a network's weights and batch-norm statistics:
/// average = d · average + (1 - d) · weights with d = min(decay, (1 + n) / (10 + n)) at the n-th update.
class WeightAverage {
 public:
  /// Starts from the network's present weights. @param decay in (0, 1)
  WeightAverage(const ClassifierImpl& model, double decay);

  void update();
  /// d of the n-th update, n from 1.
  double decay(int64_t update) const;
  int64_t updates() const { return updates_; }
  void set_updates(int64_t updates) { updates_ = updates; }
  /// The averages by name, for checkpoints.
  const std::vector<std::pair<std::string, torch::Tensor>>& state() const { return averages_; }

 private:
  friend class AveragedWeights;
  /// Exchanges the network's weights with the average; a second call undoes it.
  void swap();

  std::vector<std::pair<std::string, torch::Tensor>> weights_;
  std::vector<std::pair<std::string, torch::Tensor>> averages_;
  double decay_;
  int64_t updates_ = 0;
};

/// Has the network hold its average while it lives, then its own weights again, also after an exception.
class AveragedWeights {
 public:
  /// @param average null: nothing changes
  explicit AveragedWeights(WeightAverage* average) : average_(average) {
    if (average_) average_->swap();
  }
  ~AveragedWeights() {
    if (average_) average_->swap();
  }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  WeightAverage* average_;
};

}  // namespace assemble
