// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/file.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class TrainPlans : public testing::Test {
 protected:
  CommandResult train(std::vector<std::string> more) const {
    std::vector<std::string> words{"train", "--data", test::drawn_data().string(), "--out", run(), "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words);
  }
  std::string run() const { return (folder_ / "run").string(); }
  std::string config() const {
    const Bytes bytes = read_file(folder_ / "run/config.toml");
    return {bytes.begin(), bytes.end()};
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(TrainPlans, ADryRunSaysWhatItWouldBeAndWritesNothing) {
  const CommandResult result = train({"--minutes", "0.05", "--dry-run", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(result.standard_error, HasSubstr("--arch \"resnet50+d+w16\": about"));
  const json plan = json::parse(result.standard_output);
  EXPECT_EQ(plan.at("arch"), "resnet50+d+w16");
  EXPECT_EQ(plan.at("chosen").at(0).at("option"), "arch");
  EXPECT_GT(plan.at("seconds_an_epoch"), 0);
  EXPECT_GT(plan.at("multiply_adds"), 0);
  EXPECT_THAT(plan.at("config").get<std::string>(), HasSubstr("\nlabel-smoothing=0.1\n"));
  EXPECT_FALSE(fs::exists(run()));
}

TEST_F(TrainPlans, FlagsWinOverTheChosenRecipe) {
  const CommandResult result =
      train({"--recipe", "auto", "--arch", "resnet50+w4", "--lr", "0.02", "--epochs", "1", "--dry-run", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json plan = json::parse(result.standard_output);
  EXPECT_EQ(plan.at("arch"), "resnet50+w4");
  EXPECT_EQ(plan.at("epochs"), 1);
  EXPECT_THAT(plan.at("config").get<std::string>(), HasSubstr("\nlr=0.02\n"));
  for (const json& chosen : plan.at("chosen")) EXPECT_NE(chosen.at("option"), "lr");
}

TEST_F(TrainPlans, MinutesBecomeEpochsAndAResumedRunKeepsThem) {
  const std::vector<std::string> options{"--arch",       "resnet50+w4", "--preprocessing", "imagenet_32a",
                                         "--batch-size", "4",           "--minutes",       "0.02"};
  std::vector<std::string> first = options;
  first.insert(first.end(), {"--max-steps", "1"});
  const CommandResult began = train(first);
  ASSERT_EQ(began.exit_code, 0) << began.standard_error;
  EXPECT_THAT(began.standard_error, HasSubstr("as many as fit 0.02 minutes"));
  const std::string before = config();
  std::vector<std::string> second = options;
  second.insert(second.end(), {"--max-steps", "2", "--resume"});
  const CommandResult resumed = train(second);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.standard_error;
  EXPECT_THAT(resumed.standard_error, testing::Not(HasSubstr("as many as fit")));
  const auto epochs = [](const std::string& text) {
    const size_t at = text.find("\nepochs=");
    return text.substr(at, text.find('\n', at + 1) - at);
  };
  EXPECT_EQ(epochs(config()), epochs(before));
}

TEST_F(TrainPlans, ContradictionsAreRefused) {
  const CommandResult both = train({"--arch", "resnet50+w4", "--minutes", "1", "--epochs", "3"});
  EXPECT_EQ(both.exit_code, 2);
  EXPECT_THAT(both.standard_error, HasSubstr("--minutes: decides the epochs, which --epochs or a file sets too"));
  const CommandResult several = train({"--recipe", "auto", "--processes", "2"});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_THAT(several.standard_error, HasSubstr("--recipe auto: plans runs of one process"));
  const CommandResult retrieval = train({"--recipe", "auto", "--loss", "arcface"});
  EXPECT_EQ(retrieval.exit_code, 2);
  EXPECT_THAT(retrieval.standard_error, HasSubstr("chooses for classes, not for embeddings"));
  const CommandResult foreign = train({"--recipe", "auto", "--pretrained", "weights.pth"});
  EXPECT_EQ(foreign.exit_code, 2);
  EXPECT_THAT(foreign.standard_error, HasSubstr("convert --pretrained to a model file first"));
  EXPECT_FALSE(fs::exists(run()));
}

}  // namespace
}  // namespace assemble
