// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

namespace assemble {

struct MomentumSgdOptions {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 1e-4;  ///< λ of λ · ½‖w‖², over every parameter that is not batch norm's (dense bias included)
};

/// A tensor to be trained.
struct TrainedParameter {
  std::string name;
  torch::Tensor tensor;
  bool decays = true;  ///< under weight decay
  double rate = 1;     ///< factor of the learning rate
};

/// Every parameter of a network that is not frozen, by name. Weight decay is for all that are not a batch norm's: the
/// biases of convolutions and of the classifier are decayed.
std::vector<TrainedParameter> trained_parameters(const torch::nn::Module& network);

/// Momentum SGD of the original: g += λ·w (no batch norm); v = m·v + g; w -= lr·v (nesterov: w -= lr·(g + m·v)).
/// One fused pass over all parameters.
class MomentumSgd {
 public:
  MomentumSgd(const std::vector<TrainedParameter>& parameters, const MomentumSgdOptions& options);

  /// Applies the gradients and clears them. Parameters without a gradient stay.
  void step(double learning_rate);
  void zero_grad();
  /// λ · ½ Σ‖w‖²: what weight decay adds to the loss of the original.
  double regularization() const;
  /// Momentum buffers by parameter name, for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;
  /// Norm of all gradients, after which they are scaled to `limit` when it is larger.
  double clip_gradients(double limit);

 private:
  struct Group {
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> velocities;
    double weight_decay;
    double rate;
  };
  Group& group_of(const TrainedParameter& parameter);
  void step_group(Group& group, double learning_rate);

  MomentumSgdOptions options_;
  std::vector<Group> groups_;
};

}  // namespace assemble
