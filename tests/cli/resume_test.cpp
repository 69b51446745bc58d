// SPDX-License-Identifier: Apache-2.0
// A training run that is killed goes on as if nothing had happened.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "background_program.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using test::CommandResult;
using test::run_command;

class ResumeTest : public testing::Test {
 protected:
  std::vector<std::string> arguments(const std::string& name) const {
    return {"train",
            "--data",
            test::drawn_data().string(),
            "--out",
            path(name),
            "--arch",
            "resnet50+bl+sk+aa3+w8",
            "--epochs",
            "2",
            "--batch-size",
            "8",
            "--lr",
            "0.05",
            "--preprocessing",
            "imagenet_32a",
            "--mixup",
            "1",
            "--label-smoothing",
            "0.1",
            "--drop-block",
            "0.95",
            "0.9",
            "--drop-block-size",
            "1",
            "--ema",
            "0.9",
            "--color-jitter",
            "0.2",
            "--log-every",
            "1",
            "--seed",
            "7",
            "--json"};
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string read(const std::string& name) const { return test::read_text(folder_ / name); }
  /// Lines of metrics.jsonl without what depends on the clock.
  std::vector<std::string> metrics(const std::string& run) const {
    std::vector<std::string> lines;
    std::istringstream stream(read(run + "/metrics.jsonl"));
    for (std::string line; std::getline(stream, line);) {
      auto json = nlohmann::json::parse(line);
      for (const char* clock : {"images_per_second", "data_wait_share"}) json.erase(clock);
      lines.push_back(json.dump());
    }
    return lines;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ResumeTest, StepsKillResumeAndStepsEqualAllStepsBitForBit) {
  const CommandResult whole = run_command(arguments("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.standard_error;
  {
    test::BackgroundCommand train(arguments("killed"));
    // In the middle of the second epoch of 6 steps: some steps after the last checkpoint are lost.
    EXPECT_TRUE(train.wait_until([&] {
      const test::fs::path file = folder_ / "killed/metrics.jsonl";
      return test::fs::exists(file) && test::read_text(file).find("\"step\":8,") != std::string::npos;
    }));
    EXPECT_TRUE(train.kill()) << "it was to be killed in the middle";
  }
  EXPECT_FALSE(test::fs::exists(folder_ / "killed/last.safetensors"));
  std::vector<std::string> resume = arguments("killed");
  resume.push_back("--resume");
  const CommandResult resumed = run_command(resume);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.standard_error;
  EXPECT_THAT(resumed.standard_error, testing::HasSubstr("resuming at step 6 of 12"));
  EXPECT_EQ(read("killed/last.safetensors"), read("whole/last.safetensors"));
  EXPECT_EQ(read("killed/best.safetensors"), read("whole/best.safetensors"));
  EXPECT_EQ(metrics("killed"), metrics("whole"));
}

}  // namespace
}  // namespace assemble
