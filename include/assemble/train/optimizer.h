// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

#include "assemble/core/choice.h"

namespace assemble {

enum class OptimizerType { kSgd, kAdamW, kLamb };

inline constexpr auto kOptimizerTypes = choices<OptimizerType>(
    "optimizer.type", {{OptimizerType::kSgd, "sgd"}, {OptimizerType::kAdamW, "adamw"}, {OptimizerType::kLamb, "lamb"}});

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

/// What turns gradients into new weights. Parameters of one decay and one rate are stepped together.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Applies the gradients and clears them. Parameters without a gradient stay.
  void step(double learning_rate);
  void zero_grad();
  /// What weight decay adds to the loss: λ · ½ Σ‖w‖², or nothing where decay is decoupled from it.
  virtual double regularization() const { return 0; }
  /// Buffers by kind and parameter name, "momentum.conv1.weight", and "steps" where they are counted, for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;
  /// Norm of all gradients together.
  double gradient_norm() const;
  /// Scales gradients of this norm to `limit` when it is larger.
  void clip_gradients(double norm, double limit);

 protected:
  struct Group {
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters;
    std::vector<std::vector<torch::Tensor>> buffers;  ///< of each kind
    double weight_decay;
    double rate;
  };
  /// Those of a group that have a gradient, laid out alike.
  struct Stepped {
    std::vector<torch::Tensor> parameters;
    std::vector<torch::Tensor> gradients;
    std::vector<std::vector<torch::Tensor>> buffers;
  };

  /// @param buffers kinds of what is kept for each parameter, which starts at 0
  /// @param counts_steps whether steps() is kept
  Optimizer(const std::vector<TrainedParameter>& parameters, double weight_decay, std::vector<std::string> buffers,
            bool counts_steps);
  virtual void step_group(Stepped& stepped, double weight_decay, double learning_rate) = 0;
  const std::vector<Group>& groups() const { return groups_; }
  /// The present step, from 1: f32, beside the parameters.
  const torch::Tensor& steps() const { return steps_; }

 private:
  Group& group_of(const TrainedParameter& parameter, double weight_decay);
  static Stepped with_gradients(const Group& group);

  std::vector<std::string> kinds_;
  std::vector<Group> groups_;
  torch::Tensor steps_;
};

struct MomentumSgdOptions {
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 1e-4;  ///< λ of λ · ½‖w‖², over every parameter that is not batch norm's (dense bias included)
};

/// Momentum SGD of the original: g += λ·w (no batch norm); v = m·v + g; w -= lr·v (nesterov: w -= lr·(g + m·v)).
/// One fused pass over all parameters.
class MomentumSgd : public Optimizer {
 public:
  MomentumSgd(const std::vector<TrainedParameter>& parameters, const MomentumSgdOptions& options);
  double regularization() const override;

 private:
  void step_group(Stepped& stepped, double weight_decay, double learning_rate) override;

  MomentumSgdOptions options_;
};

}  // namespace assemble
