// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace assemble {

/// Scales a loss so that its small gradients are numbers in f16 (Micikevicius et al., arXiv 1710.03740), by a factor
/// that finds itself: it is halved when gradients overflow, and doubled after `growth_interval` steps without. Whatever
/// it decides on stays where the gradients are, so nothing waits for a device. Arithmetic and values are those of
/// PyTorch's GradScaler.
class LossScaler {
 public:
  struct Options {
    double initial = 65536;
    double growth = 2;
    double backoff = 0.5;
    int64_t growth_interval = 2000;  ///< steps
  };

  explicit LossScaler(torch::Device device) : LossScaler(device, Options()) {}
  LossScaler(torch::Device device, const Options& options);

  torch::Tensor scaled(const torch::Tensor& loss) const { return loss * scale_; }
  /// Divides gradients of scaled losses by the scale, and notes whether one of them is not finite.
  void unscale(const std::vector<torch::Tensor>& gradients);
  /// [1], f32: 1 where the gradients that were last unscaled overflowed. Such a step is to be left out.
  const torch::Tensor& overflow() const { return overflow_; }
  /// The next step's scale; for the end of each step.
  void update();
  /// "loss_scale" and the steps since it last changed, "loss_scale_steps", for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;

 private:
  Options options_;
  torch::Tensor scale_, steps_, overflow_;
};

}  // namespace assemble
