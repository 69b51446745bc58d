// SPDX-License-Identifier: Apache-2.0
// Steps that wait for nothing, which are those of a GPU, on the CPU; and f16 with its scaled loss.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using testing::HasSubstr;

std::vector<nlohmann::json> training_lines(const fs::path& metrics) {
  std::vector<nlohmann::json> lines;
  for (const std::string& line : split(test::read_text(metrics), '\n')) {
    if (line.find("cross_entropy") != std::string::npos) lines.push_back(nlohmann::json::parse(line));
  }
  return lines;
}

/// Without DropBlock, whose masks the device draws, and such that rounding stays small from step to step.
TrainOptions without_drop_block(TrainOptions options) {
  options.drop_block.clear();
  options.stochastic_depth = 0.2;
  options.zero_gamma = true;
  options.schedule.base = 0.002;
  return options;
}

class Asynchronous : public TrainerTest {
 protected:
  double largest_difference(const std::string& first, const std::string& second) const {
    double largest = 0;
    const auto of_b = load_model(folder_ / second / "last.safetensors")->named_state();
    const auto of_a = load_model(folder_ / first / "last.safetensors")->named_state();
    for (size_t i = 0; i < of_a.size(); ++i) {
      const torch::Tensor difference = of_a[i].second.to(torch::kDouble) - of_b[i].second.to(torch::kDouble);
      largest = std::max(largest, difference.abs().max().item<double>());
    }
    return largest;
  }
};

TEST_F(Asynchronous, TrainsTheNetworkThatStepsWhichWaitTrain) {
  TrainOptions all = without_drop_block(options());
  all.clip_gradients = 1;
  train(all, "waiting");
  all.asynchronous = true;
  all.log_every = 4;
  train(all, "not");
  const double difference = largest_difference("waiting", "not");
  EXPECT_LT(difference, 1e-3) << "rates and norms are f32 there";
  const auto waiting = training_lines(folder_ / "waiting/metrics.jsonl"),
             read = training_lines(folder_ / "not/metrics.jsonl");
  ASSERT_EQ(waiting.size(), 12u);
  ASSERT_EQ(read.size(), 3u);
  for (size_t i = 0; i < read.size(); ++i) {
    for (const char* figure : {"loss", "gradient_norm", "learning_rate"}) {
      const double wanted = waiting[4 * i + 3].at(figure);
      EXPECT_NEAR(read[i].at(figure).get<double>(), wanted, 1e-3 * std::abs(wanted))
          << figure << " of step " << 4 * i + 4;
    }
  }
  const auto of_epochs = read_summary(folder_ / "not");
  for (size_t i = 0; i < of_epochs.size(); ++i) {
    EXPECT_NEAR(of_epochs[i].train_loss, read_summary(folder_ / "waiting")[i].train_loss, 1e-3);
  }
}

TEST_F(Asynchronous, ResumesWithTheSameBitsWithEveryTechnique) {
  TrainOptions all = options();
  all.asynchronous = true;
  all.stochastic_depth = 0.3;
  all.clip_gradients = 2;
  expect_exact_resume(all, "\"step\":8");
  all.drop_block = {1, 1};
  train(all, "nothing dropped");
  EXPECT_NE(model_bytes("whole"), model_bytes("nothing dropped"));
}

TEST_F(Asynchronous, AccumulatesAndLooksAtSharpness) {
  TrainOptions all = without_drop_block(options());
  all.epochs = 1;
  for (const bool sharp : {false, true}) {
    all.accumulate = sharp ? 1 : 2;
    all.sam_rho = sharp ? 0.05 : 0;
    all.asynchronous = false;
    const std::string name = sharp ? "sharp" : "accumulated";
    train(all, name);
    all.asynchronous = true;
    train(all, name + " later");
    EXPECT_LT(largest_difference(name, name + " later"), 1e-3) << name;
  }
}

TEST_F(Asynchronous, ALossThatIsNotFiniteEndsTheRunWhenItIsRead) {
  TrainOptions all = options();
  all.asynchronous = true;
  all.log_every = 4;
  all.schedule.base = 1e12;
  EXPECT_THAT(test::error_of<RunError>([&] { train(all, "diverges"); }), HasSubstr("the loss is "));
}

TEST_F(Asynchronous, JudgingEveryStepWaits) {
  TrainOptions all;
  EXPECT_FALSE(all.is_asynchronous());
  all.asynchronous = true;
  EXPECT_TRUE(all.is_asynchronous());
  all.skip_non_finite = 3;
  EXPECT_FALSE(all.is_asynchronous());
}

TEST_F(TrainerTest, TrainsInF16WithAScaleThatResumesExactly) {
  TrainOptions all = options();
  all.precision = Precision::kF16;
  expect_exact_resume(all, "\"step\":8");
  const SafetensorsFile last(checkpoint("parts"));
  ASSERT_TRUE(last.tensors().contains("loss_scale"));
  ASSERT_TRUE(last.tensors().contains("loss_scale_steps"));
  all.precision = Precision::kF32;
  all.resume = checkpoint("parts");
  EXPECT_THROW(train(all, "parts"), UsageError) << "the run's scale would be lost";
}

TEST_F(TrainerTest, LearnsInF16AsInF32) {
  TrainOptions all = without_drop_block(options());
  all.epochs = 2;
  const double wanted = train(all, "f32").last.classification->loss;
  all.precision = Precision::kF16;
  for (const bool asynchronous : {false, true}) {
    all.asynchronous = asynchronous;
    const TrainResult result = train(all, concat("f16 ", asynchronous));
    EXPECT_NEAR(result.last.classification->loss, wanted, 0.1 * wanted);
  }
}

}  // namespace
}  // namespace assemble
