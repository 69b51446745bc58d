// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/loss_scaler.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <limits>

#include "assemble/train/adamw.h"
#include "assemble/train/lamb.h"
#include "assemble/train/optimizer.h"

namespace assemble {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float value(const LossScaler& scaler, size_t i) { return scaler.state().at(i).second.item<float>(); }

TEST(LossScaler, GradientsOfScaledLossesBecomeThoseOfLosses) {
  LossScaler scaler(torch::kCPU, {.initial = 1024});
  const torch::Tensor weight = torch::tensor({0.5f, -2.f}).requires_grad_();
  scaler.scaled((weight * weight).sum()).backward();
  EXPECT_TRUE(weight.grad().equal(torch::tensor({1024.f, -4096.f})));
  scaler.unscale({weight.grad()});
  EXPECT_TRUE(weight.grad().equal(torch::tensor({1.f, -4.f})));
  EXPECT_EQ(scaler.overflow().item<float>(), 0);
}

/// PyTorch's GradScaler: halved by an overflow, doubled after as many steps as the interval has without one.
TEST(LossScaler, FindsItsScale) {
  LossScaler scaler(torch::kCPU, {.initial = 8, .growth_interval = 3});
  const auto step = [&](float gradient) {
    scaler.unscale({torch::tensor({1.f, gradient}), torch::tensor({2.f})});
    scaler.update();
    return value(scaler, 0);
  };
  EXPECT_EQ(step(1), 8);
  EXPECT_EQ(step(1), 8);
  EXPECT_EQ(step(kInfinity), 4) << "halved at once";
  EXPECT_EQ(value(scaler, 1), 0) << "and the steps are counted anew";
  EXPECT_EQ(step(std::numeric_limits<float>::quiet_NaN()), 2);
  EXPECT_EQ(step(1), 2);
  EXPECT_EQ(step(1), 2);
  EXPECT_EQ(value(scaler, 1), 2);
  EXPECT_EQ(step(1), 4);
  EXPECT_EQ(value(scaler, 1), 0);
}

/// An optimizer of each kind and the two of weights that it moves.
struct Trained {
  std::vector<torch::Tensor> weights;
  std::unique_ptr<Optimizer> optimizer;

  explicit Trained(OptimizerType type) {
    torch::manual_seed(3);
    std::vector<TrainedParameter> parameters;
    for (const char* name : {"a", "b"}) {
      weights.push_back(torch::randn({4, 3}).requires_grad_());
      parameters.push_back({name, weights.back()});
    }
    if (type == OptimizerType::kAdamW) optimizer = std::make_unique<AdamW>(parameters, 0.01, AdamOptions{});
    if (type == OptimizerType::kLamb) optimizer = std::make_unique<Lamb>(parameters, 0.01, AdamOptions{});
    if (type == OptimizerType::kSgd) optimizer = std::make_unique<MomentumSgd>(parameters, MomentumSgdOptions{});
  }

  /// @param overflows a gradient of this step is infinite
  void step(int number, bool overflows) {
    const torch::Tensor factor = torch::full({4, 3}, 0.1 * (number + 1));
    torch::Tensor loss = ((weights[0] - weights[1]).square() * factor).sum();
    if (overflows) loss = loss + (weights[1] * kInfinity).sum();
    optimizer->scaled(loss).backward();
    optimizer->unscale_gradients();
    optimizer->step(0.05);
  }

  std::vector<torch::Tensor> copies() const {
    std::vector<torch::Tensor> copies;
    for (const auto& [name, tensor] : optimizer->state()) {
      if (!name.starts_with("loss_scale")) copies.push_back(tensor.clone());
    }
    for (const torch::Tensor& weight : weights) copies.push_back(weight.detach().clone());
    return copies;
  }
};

void expect_equal(const std::vector<torch::Tensor>& found, const std::vector<torch::Tensor>& wanted) {
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(found[i].equal(wanted[i])) << i;
}

TEST(LossScaler, EveryOptimizerLeavesOutAStepThatOverflows) {
  for (const OptimizerType type : {OptimizerType::kSgd, OptimizerType::kAdamW, OptimizerType::kLamb}) {
    Trained plain(type), scaled(type);
    scaled.optimizer->scale_loss(torch::kCPU);
    for (int number = 0; number < 3; ++number) {
      plain.step(number, false);
      const std::vector<torch::Tensor> before = scaled.copies();
      scaled.step(number, true);
      EXPECT_TRUE(scaled.optimizer->has_overflowed());
      expect_equal(scaled.copies(), before);
      scaled.step(number, false);
      EXPECT_FALSE(scaled.optimizer->has_overflowed());
      expect_equal(scaled.copies(), plain.copies());  // scales are powers of 2: nothing is rounded
    }
  }
}

TEST(Optimizer, RatesThatAreReadOnTheDeviceMoveWeightsAsOthersDo) {
  for (const OptimizerType type : {OptimizerType::kSgd, OptimizerType::kAdamW}) {
    Trained host(type), device(type);
    device.optimizer->keep_rate_on_device();
    for (int number = 0; number < 4; ++number) {
      host.step(number, false);
      device.step(number, false);
    }
    double difference = 0;
    for (size_t i = 0; i < host.weights.size(); ++i) {
      difference = std::max(difference, (host.weights[i] - device.weights[i]).abs().max().item<double>());
    }
    EXPECT_LT(difference, 1e-6);  // the rate is an f32 there
    RecordProperty("largest_difference", std::to_string(difference));
  }
}

TEST(Optimizer, ClipsOnTheDeviceAsOnTheHost) {
  for (const double limit : {0.1, 1e6}) {
    Trained host(OptimizerType::kSgd), device(OptimizerType::kSgd);
    for (Trained* trained : {&host, &device}) {
      ((trained->weights[0] - trained->weights[1]).square()).sum().backward();
    }
    const double norm = host.optimizer->gradient_norm();
    host.optimizer->clip_gradients(norm, limit);
    const torch::Tensor there = device.optimizer->norm_on_device();
    EXPECT_NEAR(there.item<double>(), norm, 1e-5 * norm);
    device.optimizer->clip_on_device(there, limit);
    for (size_t i = 0; i < host.weights.size(); ++i) {
      EXPECT_TRUE(torch::allclose(host.weights[i].grad(), device.weights[i].grad(), 1e-5, 1e-8)) << limit;
    }
  }
}

}  // namespace
}  // namespace assemble
