// SPDX-License-Identifier: Apache-2.0
#include "torch/train/find_lr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/data/dataset.h"
#include "drawn_data.h"

namespace assemble::cli {
namespace {

using nlohmann::json;
using test::run_command;
using testing::HasSubstr;

std::vector<double> rates_of(size_t count) {
  std::vector<double> rates;
  for (size_t i = 0; i < count; ++i) rates.push_back(1e-6 * std::pow(10, static_cast<double>(i) / 20));
  return rates;
}

TEST(FindLr, ItIsThatOfTheLeastLoss) {
  // Nearly flat, then down from place 30 to place 70, then up.
  std::vector<double> losses;
  for (int i = 0; i < 90; ++i) {
    losses.push_back(i < 30 ? 2 + 0.02 * (i % 3) : i <= 70 ? 2 - 0.02 * (i - 30) : 1.2 + 0.1 * (i - 70));
  }
  const std::vector<double> rates = rates_of(losses.size());
  const std::optional<double> rate = largest_rate(rates, losses);
  ASSERT_TRUE(rate);
  EXPECT_EQ(*rate, rates[70]);
}

TEST(FindLr, LossesThatDoNotFallHaveNone) {
  EXPECT_FALSE(largest_rate({}, {}));
  EXPECT_FALSE(largest_rate(rates_of(30), std::vector<double>(30, 2.3)));
  std::vector<double> rising;
  for (int i = 0; i < 30; ++i) rising.push_back(i);
  EXPECT_FALSE(largest_rate(rates_of(30), rising));
}

TEST(FindLr, RatesRiseByOneFactor) {
  const auto train = open_dataset(test::drawn_data().string(), Split::kTrain);
  const auto validation = open_dataset(test::drawn_data().string(), Split::kValidation);
  TrainOptions options;
  options.arch = "resnet50+w4";
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  options.batch_size = 8;
  options.bn_momentum = 0.9;
  options.overfit_one_batch = true;  // the loss of one batch falls whatever the weights begin with
  const LearningRateTest found = find_learning_rate(*train, *validation, options, {});
  ASSERT_GE(found.rates.size(), 10U);
  EXPECT_EQ(found.rates.size(), found.losses.size());
  for (size_t i = 1; i < found.rates.size(); ++i) EXPECT_NEAR(found.rates[i] / found.rates[i - 1], 1.122, 1e-3);
  EXPECT_GT(found.suggested, 1e-5);
  EXPECT_LE(found.suggested, 10);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW((void)find_learning_rate(*train, *validation, options, stop.get_token()), RunError);
}

class FindLrCommand : public testing::Test {
 protected:
  test::CommandResult train(std::vector<std::string> more) const {
    std::vector<std::string> words{"train",
                                   "--data",
                                   test::drawn_data().string(),
                                   "--out",
                                   run(),
                                   "--threads",
                                   "1",
                                   "--arch",
                                   "resnet50+w4",
                                   "--epochs",
                                   "1",
                                   "--batch-size",
                                   "8",
                                   "--preprocessing",
                                   "imagenet_32a",
                                   "--overfit-one-batch",
                                   "--find-lr"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words);
  }
  std::string run() const { return (folder_ / "run").string(); }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(FindLrCommand, ADryRunSaysTheRateAndWhatItRestsOn) {
  const test::CommandResult result = train({"--dry-run", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json plan = json::parse(result.standard_output);
  EXPECT_EQ(plan.at("chosen").at(0).at("option"), "lr");
  EXPECT_GT(plan.at("find_lr").at("suggested"), 1e-5);
  EXPECT_EQ(plan.at("find_lr").at("rates").size(), plan.at("find_lr").at("losses").size());
  EXPECT_THAT(plan.at("config").get<std::string>(),
              HasSubstr("\nlr=" + plan.at("chosen").at(0).at("value").get<std::string>() + "\n"));
  EXPECT_FALSE(fs::exists(run()));
}

TEST_F(FindLrCommand, AGivenRateAndSeveralProcessesAreRefused) {
  const test::CommandResult given = train({"--lr", "0.1"});
  EXPECT_EQ(given.exit_code, 2);
  EXPECT_THAT(given.standard_error, HasSubstr("--find-lr: decides the learning rate, which --lr or a file sets too"));
  const test::CommandResult several = train({"--processes", "2"});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_THAT(several.standard_error, HasSubstr("--find-lr: plans runs of one process"));
  EXPECT_FALSE(fs::exists(run()));
}

}  // namespace
}  // namespace assemble::cli
