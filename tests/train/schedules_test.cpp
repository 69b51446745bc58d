// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/schedules.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

LearningRateSchedule schedule(DecayType type) {
  LearningRateSchedule s;
  s.type = type;
  s.base = 0.4;
  s.steps_per_epoch = 10;
  s.train_epochs = 20;
  return s;
}

TEST(LearningRate, WarmsUpLinearlyFromZero) {
  LearningRateSchedule s = schedule(DecayType::kFixed);
  s.warmup_epochs = 2;
  EXPECT_DOUBLE_EQ(s.at(0), 0);
  EXPECT_DOUBLE_EQ(s.at(5), 0.1);
  EXPECT_DOUBLE_EQ(s.at(20), 0.4);
}

TEST(LearningRate, CosineCountsFromTheEndOfTheWarmUp) {
  LearningRateSchedule s = schedule(DecayType::kCosine);
  s.warmup_epochs = 10;
  EXPECT_DOUBLE_EQ(s.at(100), 0.4);
  EXPECT_NEAR(s.at(150), 0.2, 1e-12);
  EXPECT_NEAR(s.at(200), 0, 1e-12);
  EXPECT_NEAR(s.at(900), 0, 1e-12);
}

TEST(LearningRate, ExponentialIsAStaircase) {
  LearningRateSchedule s = schedule(DecayType::kExponential);
  EXPECT_DOUBLE_EQ(s.at(19), 0.4);
  EXPECT_DOUBLE_EQ(s.at(20), 0.4 * 0.94);
  EXPECT_DOUBLE_EQ(s.at(40), 0.4 * 0.94 * 0.94);
}

TEST(LearningRate, PiecewiseKeepsTheOldRateOnTheBoundary) {
  LearningRateSchedule s = schedule(DecayType::kPiecewise);
  s.boundary_epochs = {1, 2};
  s.rates = {1, 0.5, 0.25};
  EXPECT_DOUBLE_EQ(s.at(10), 0.4);
  EXPECT_DOUBLE_EQ(s.at(11), 0.2);
  EXPECT_DOUBLE_EQ(s.at(21), 0.1);
}

TEST(LearningRate, ImpossibleSchedulesAreErrors) {
  LearningRateSchedule piecewise = schedule(DecayType::kPiecewise);
  piecewise.rates = {1, 0.1};
  EXPECT_THROW(piecewise.check(), UsageError);
  LearningRateSchedule cosine = schedule(DecayType::kCosine);
  cosine.warmup_epochs = 20;
  EXPECT_THROW(cosine.check(), UsageError);
  EXPECT_NE(test::error_of<UsageError>([] { parse_decay_type("cosin"); }).find("did you mean cosine?"),
            std::string::npos);
}

TEST(KeepProbability, GoesLinearlyFromFirstToLast) {
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 0), 1.0);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 50), 0.95);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 100), 0.9);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 500), 0.9);
}

/// The original's learning rates (tests/golden/schedules.json), to 1e-6 of the base rate.
TEST(LearningRate, EqualsTheOriginal) {
  const auto cases = nlohmann::json::parse(test::read_text(test::stored_golden("schedules.json")));
  int compared = 0;
  for (const auto& golden : cases) {
    const auto& args = golden.at("args");
    if (!args.contains("learning_rate_decay_type")) continue;
    LearningRateSchedule s;
    s.type = parse_decay_type(args.at("learning_rate_decay_type"));
    s.base = args.at("base_lr");
    s.steps_per_epoch = args.at("num_images").get<double>() / args.at("batch_size").get<double>();
    s.train_epochs = args.at("train_epochs");
    s.warmup_epochs = args.at("warmup_epochs");
    s.epochs_per_decay = args.at("num_epochs_per_decay");
    s.decay_factor = args.at("learning_rate_decay_factor");
    s.end = args.at("end_learning_rate");
    s.boundary_epochs = args.at("piecewise_lr_boundary_epochs").get<std::vector<double>>();
    s.rates = args.at("piecewise_lr_decay_rates").get<std::vector<double>>();
    for (size_t i = 0; i < golden.at("steps").size(); ++i) {
      const int64_t step = golden["steps"][i];
      EXPECT_NEAR(s.at(step), golden["lr"][i].get<double>(), 1e-6 * s.base) << args << " at step " << step;
      ++compared;
    }
  }
  EXPECT_GE(compared, 100);
}

}  // namespace
}  // namespace assemble
