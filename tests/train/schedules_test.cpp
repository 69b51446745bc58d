// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/schedules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "assemble/core/error.h"
#include "parity.h"
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
  for (const double wrong : {std::nan(""), -0.1, double{INFINITY}}) {
    for (double LearningRateSchedule::*value : {&LearningRateSchedule::base, &LearningRateSchedule::warmup_epochs,
                                                &LearningRateSchedule::decay_factor, &LearningRateSchedule::end}) {
      LearningRateSchedule s = schedule(DecayType::kCosine);
      s.*value = wrong;
      EXPECT_THROW(s.check(), UsageError) << wrong;
    }
  }
  EXPECT_NE(test::error_of<UsageError>([] { parse_decay_type("cosin"); }).find("did you mean cosine?"),
            std::string::npos);
}

TEST(KeepProbability, GoesLinearlyFromFirstToLast) {
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 0), 1.0);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 50), 0.95);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 100), 0.9);
  EXPECT_DOUBLE_EQ(keep_probability(1.0, 0.9, 100, 500), 0.9);
}

/// A value of the original's within 1e-6 of it, and what rounding to f32 does to its largest operand.
/// @return the difference as a share of the operand
double expect_equal(double value, double original, double operand, const std::string& where) {
  EXPECT_NEAR(value, original, 1e-6 * std::abs(original) + 1e-7 * operand) << where;
  return std::abs(value - original) / operand;
}

LearningRateSchedule schedule_of(const nlohmann::json& args) {
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
  return s;
}

/// A key such as "dropblock_keep_prob(0.95->0.85 over 300)" names the schedule of its values.
/// @return the largest difference
double compare_keep_probabilities(const std::string& key, const nlohmann::json& steps, const nlohmann::json& values) {
  static const std::regex kForm("dropblock_keep_prob\\(([0-9.]+)->([0-9.]+) over ([0-9]+)\\)");
  std::smatch parts;
  if (!std::regex_match(key, parts, kForm)) throw std::runtime_error("not a schedule: " + key);
  double worst = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const double value = keep_probability(std::stod(parts[1]), std::stod(parts[2]), std::stoll(parts[3]), steps[i]);
    worst = std::max(worst, expect_equal(value, values[i], 1, concat(key, " at step ", steps[i].get<int64_t>())));
  }
  return worst;
}

void compare_schedules(const test::fs::path& path) {
  const auto cases = nlohmann::json::parse(test::read_text(path));
  EXPECT_FALSE(cases.empty());
  double worst_rate = 0, worst_probability = 0;
  for (const auto& golden : cases) {
    const LearningRateSchedule s = schedule_of(golden.at("args"));
    const auto& steps = golden.at("steps");
    for (const auto& [key, values] : golden.items()) {
      if (key == "args" || key == "steps") continue;
      ASSERT_EQ(values.size(), steps.size()) << key;
      if (key != "lr") {
        worst_probability = std::max(worst_probability, compare_keep_probabilities(key, steps, values));
        continue;
      }
      for (size_t i = 0; i < steps.size(); ++i) {
        const std::string where = concat(golden["args"].dump(), " at step ", steps[i].dump());
        worst_rate = std::max(worst_rate, expect_equal(s.at(steps[i]), values[i], s.base, where));
      }
    }
  }
  test::log_parity("schedules", "learning rate", "largest difference of the base rate", worst_rate, 1e-6);
  test::log_parity("schedules", "DropBlock", "largest difference", worst_probability, 1e-6);
}

TEST(Schedules, EqualTheOriginal) {
  compare_schedules(test::stored_golden("schedules.json"));
  if (const auto golden = test::golden_directory()) compare_schedules(*golden / "schedules.json");
}

}  // namespace
}  // namespace assemble
