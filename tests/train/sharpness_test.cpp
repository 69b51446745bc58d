// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/sharpness.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using testing::HasSubstr;

/// Of ½ · (4 · a² + b²) at (3, 16) the gradient is (12, 16), of norm 20.
TEST(SharpestNearby, IsAStepAlongTheGradientOfAllWeights) {
  torch::Tensor a = torch::tensor({3.f}).requires_grad_(), b = torch::tensor({16.f}).requires_grad_();
  torch::Tensor idle = torch::tensor({7.f}).requires_grad_();
  const auto loss = [&] { return 0.5 * (4 * a * a + b * b).sum(); };
  loss().backward();
  {
    const SharpestNearby there({a, b, idle}, 0.5);
    EXPECT_FLOAT_EQ(a.item<float>(), 3.3f);
    EXPECT_FLOAT_EQ(b.item<float>(), 16.4f);
    EXPECT_FALSE(a.grad().defined());
    loss().backward();
  }
  EXPECT_EQ(a.item<float>(), 3);
  EXPECT_EQ(b.item<float>(), 16);
  EXPECT_EQ(idle.item<float>(), 7);
  EXPECT_FLOAT_EQ(a.grad().item<float>(), 13.2f);
  EXPECT_FLOAT_EQ(b.grad().item<float>(), 16.4f);
}

TEST(SharpestNearby, StepsAreThoseOfThePublishedAlgorithm) {
  const auto stored = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/sharpness.json")));
  const auto read = [](const nlohmann::json& values) { return torch::tensor(values.get<std::vector<float>>()); };
  const torch::Tensor images = read(stored.at("images")).view({6, 4});
  const torch::Tensor labels = torch::tensor(stored.at("labels").get<std::vector<int64_t>>());
  torch::Tensor weight = read(stored.at("before").at(0)).view({3, 4}).requires_grad_();
  torch::Tensor bias = read(stored.at("before").at(1)).requires_grad_();
  MomentumSgd optimizer({{"weight", weight}, {"bias", bias}}, {.momentum = 0.9, .weight_decay = 0});
  const auto descend = [&] { torch::cross_entropy_loss(torch::linear(images, weight, bias), labels).backward(); };
  for (int step = 0; step < 4; ++step) {
    descend();
    if (step % 2 == 1) {
      const SharpestNearby there({weight, bias}, stored.at("rho"));
      descend();
    }
    optimizer.step(0.1);
  }
  EXPECT_TRUE(torch::allclose(weight.flatten(), read(stored.at("after").at(0)), 1e-5, 1e-6)) << weight;
  EXPECT_TRUE(torch::allclose(bias, read(stored.at("after").at(1)), 1e-5, 1e-6)) << bias;
}

TEST(SharpestNearby, WithoutAGradientWeightsStay) {
  torch::Tensor a = torch::tensor({3.f}).requires_grad_();
  const SharpestNearby there({a}, 0.5);
  EXPECT_EQ(a.item<float>(), 3);
  (0 * a).sum().backward();
  const SharpestNearby flat({a}, 0.5);
  EXPECT_EQ(a.item<float>(), 3);
}

TEST_F(TrainerTest, SharpnessAwareStepsResumeBitForBit) {
  TrainOptions all = options();
  all.sam_rho = 0.05;
  all.sam_every = 3;
  all.stochastic_depth = 0.2;
  expect_exact_resume(all, "\"step\":8");
}

/// Every third step is sharpness-aware: the first two are not.
TEST_F(TrainerTest, OneOfSoManyStepsIsSharpnessAware) {
  const auto weights_after = [&](int64_t steps, double rho) {
    TrainOptions brief = options();
    brief.max_steps = steps;
    brief.sam_rho = rho;
    brief.sam_every = rho > 0 ? 3 : 1;
    const std::string name = concat(steps, "-", rho);
    train(brief, name);
    return model_bytes(name);
  };
  EXPECT_EQ(weights_after(2, 0.05), weights_after(2, 0));
  EXPECT_NE(weights_after(3, 0.05), weights_after(3, 0));
}

TEST_F(TrainerTest, SharpnessWithoutEffectIsWarnedOf) {
  TrainOptions once = options();
  once.max_steps = 1;
  once.sam_every = 2;
  testing::internal::CaptureStderr();
  train(once, "without");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`sam_every` has no effect without `sam_rho`"));
  once.sam_rho = 0.05;
  once.sam_every = 1000;
  testing::internal::CaptureStderr();
  train(once, "late");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`sam_rho` has no effect: the run has"));
}

/// The second pass sees the images that the first one saw, so that batch norms must not count them twice.
TEST_F(TrainerTest, SharpnessAwareStepsLeaveStatisticsAsThePlainStepDoes) {
  TrainOptions once = options();
  once.average_decay = 0;
  once.max_steps = 1;
  train(once, "plain");
  once.sam_rho = 0.05;
  train(once, "sharp");
  const auto plain = load_model(folder_ / "plain/last.safetensors")->named_state();
  const auto sharp = load_model(folder_ / "sharp/last.safetensors")->named_state();
  bool moved = false;
  for (size_t i = 0; i < plain.size(); ++i) {
    const bool is_statistic = plain[i].first.find("running") != std::string::npos;
    const bool same = plain[i].second.equal(sharp[i].second);
    EXPECT_TRUE(same || !is_statistic) << plain[i].first;
    moved |= !same;
  }
  EXPECT_TRUE(moved);
}

TEST(Sharpness, WhatItCannotDoIsRefused) {
  TrainOptions options;
  options.sam_rho = 0.05;
  options.check();
  options.accumulate = 2;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }), HasSubstr("`sam_rho`"));
  options = {};
  options.sam_rho = -1;
  EXPECT_THROW(options.check(), UsageError);
  options = {};
  options.sam_every = 0;
  EXPECT_THROW(options.check(), UsageError);
}

}  // namespace
}  // namespace assemble
