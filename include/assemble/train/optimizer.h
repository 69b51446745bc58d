// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/train/loss_scaler.h"

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
  void step(double learning_rate) {
    set_rate(learning_rate);
    apply();
  }
  /// The halves of step(). What apply() launches on a device is the same every time, whatever the rate is: from
  /// keep_rate_on_device() on the rate is read there.
  void set_rate(double learning_rate);
  void apply();
  void keep_rate_on_device();
  void zero_grad();

  /// Trains by losses that are scaled from now on: for f16. step() leaves out those whose gradients overflow.
  void scale_loss(torch::Device device, const LossScaler::Options& options = {});
  /// What is to be differentiated in place of a loss: itself, unless it is to be scaled.
  torch::Tensor scaled(const torch::Tensor& loss) const { return scaler_ ? scaler_->scaled(loss) : loss; }
  /// Gradients of scaled losses become those of losses; before they are measured, clipped or applied.
  void unscale_gradients();
  /// Whether they are left alone, since they have overflowed. Waits for the device.
  bool has_overflowed() const;

  /// What weight decay adds to the loss: λ · ½ Σ‖w‖², or nothing where decay is decoupled from it.
  virtual double regularization() const { return 0; }
  /// Buffers by kind and parameter name, "momentum.conv1.weight", "steps" where they are counted and the state of the
  /// loss' scale where there is one, for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor>> state() const;
  /// Norm of all gradients together.
  double gradient_norm() const;
  /// Scales gradients of this norm to `limit` when it is larger.
  void clip_gradients(double norm, double limit);
  /// The same two for devices that are not to be waited for. @return the norm, a scalar there
  torch::Tensor norm_on_device() const;
  void clip_on_device(const torch::Tensor& norm, double limit);

 protected:
  struct Rate {
    double value = 0;
    torch::Tensor tensor = {};  ///< the same on the device, where it is read there
  };
  struct Group {
    std::vector<std::string> names;
    std::vector<torch::Tensor> parameters;
    std::vector<std::vector<torch::Tensor>> buffers;  ///< of each kind
    double weight_decay;
    double rate;
    Rate learning_rate = {};
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
  virtual void step_group(Stepped& stepped, double weight_decay, const Rate& rate) = 0;
  /// [1], 1 where the step is to be left out; nothing where none ever is.
  std::optional<torch::Tensor> overflow() const;
  const std::vector<Group>& groups() const { return groups_; }
  /// The present step, from 1: f32, beside the parameters.
  const torch::Tensor& steps() const { return steps_; }

 private:
  std::vector<torch::Tensor> gradients() const;
  Group& group_of(const TrainedParameter& parameter, double weight_decay);
  static Stepped with_gradients(const Group& group);

  std::vector<std::string> kinds_;
  std::vector<Group> groups_;
  torch::Tensor steps_;
  std::unique_ptr<LossScaler> scaler_;
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
  void step_group(Stepped& stepped, double weight_decay, const Rate& rate) override;

  MomentumSgdOptions options_;
};

}  // namespace assemble
