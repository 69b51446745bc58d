// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/train/lamb.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using testing::HasSubstr;

const nlohmann::json& golden() {
  static const auto stored = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/optimizers.json")));
  return stored;
}

torch::Tensor tensor_of(const nlohmann::json& values, std::vector<int64_t> shape) {
  return torch::tensor(values.get<std::vector<float>>()).view(shape);
}

/// Three steps of the stored gradients.
template <typename Kind>
void expect_golden(const char* name, double clip) {
  const nlohmann::json& stored = golden();
  torch::Tensor first = tensor_of(stored.at("first"), {3, 4}).clone().requires_grad_();
  torch::Tensor second = tensor_of(stored.at("second"), {5}).clone().requires_grad_();
  Kind optimizer({{"a.weight", first}, {"bn.weight", second, /*decays=*/false}}, 0.1,
                 AdamOptions{.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-6});
  for (const nlohmann::json& gradients : stored.at("gradients")) {
    first.mutable_grad() = tensor_of(gradients.at(0), {3, 4}).clone();
    second.mutable_grad() = tensor_of(gradients.at(1), {5}).clone();
    if (clip > 0) optimizer.clip_gradients(optimizer.gradient_norm(), clip);
    optimizer.step(0.02);
  }
  EXPECT_TRUE(torch::allclose(first, tensor_of(stored.at(name).at(0), {3, 4}), 1e-6, 1e-6)) << first;
  EXPECT_TRUE(torch::allclose(second, tensor_of(stored.at(name).at(1), {5}), 1e-6, 1e-6)) << second;
  EXPECT_EQ(optimizer.regularization(), 0);
  EXPECT_EQ(optimizer.state().size(), 5u);
  EXPECT_EQ(optimizer.state()[3].first, "variance.bn.weight");
  EXPECT_EQ(optimizer.state().back().first, "steps");
  EXPECT_EQ(optimizer.state().back().second.template item<float>(), 3);
}

TEST(AdamW, StepsAsPyTorch) { expect_golden<AdamW>("adamw", 0); }
TEST(Lamb, StepsAsTimm) { expect_golden<Lamb>("lamb", 1); }

class OptimizersTest : public TrainerTest, public testing::WithParamInterface<OptimizerType> {};

TEST_P(OptimizersTest, ResumeBitForBit) {
  TrainOptions all = options();
  all.optimizer_type = GetParam();
  all.schedule.base = 0.005;
  train(all, "whole");
  ASSERT_TRUE(train_until(all, "parts", "\"step\":8").interrupted);
  all.resume = checkpoint("parts");
  train(all, "parts");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
  all.optimizer_type = OptimizerType::kSgd;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(all, "parts"); }), HasSubstr("has another optimizer's state"));
}

INSTANTIATE_TEST_SUITE_P(Adam, OptimizersTest, testing::Values(OptimizerType::kAdamW, OptimizerType::kLamb),
                         [](const auto& info) { return std::string(kOptimizerTypes.name(info.param)); });

TEST_F(TrainerTest, OptionsOfOtherOptimizersAreWarnedOf) {
  TrainOptions once = options();
  once.epochs = 1;
  once.max_steps = 1;
  once.adam.beta2 = 0.99;
  testing::internal::CaptureStderr();
  train(once, "sgd");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("have no effect with `optimizer.type` sgd"));
  once.optimizer_type = OptimizerType::kAdamW;
  once.optimizer.nesterov = true;
  testing::internal::CaptureStderr();
  train(once, "adamw");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`optimizer.nesterov` has no effect"));
  for (const double wrong : {1.0, -0.1}) {
    TrainOptions bad;
    bad.adam.beta1 = wrong;
    EXPECT_THROW(bad.check(), UsageError);
  }
}

}  // namespace
}  // namespace assemble
