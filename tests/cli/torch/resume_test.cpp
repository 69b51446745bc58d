// SPDX-License-Identifier: Apache-2.0
// A training run that is killed goes on as if nothing had happened.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>
#include <sstream>

#include "assemble/io/tfrecord.h"
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

  /// Steps of all event files, ascending.
  std::vector<int64_t> event_steps(const std::string& run) const {
    std::vector<int64_t> steps;
    for (const std::string& file : test::list_files(folder_ / run)) {
      if (file.rfind("events.", 0) != 0) continue;
      const TfRecordReader reader(folder_ / run / file);
      for (const RecordSpan& record : reader.index()) {
        const Bytes event = reader.read(record);
        protozero::pbf_reader message(reinterpret_cast<const char*>(event.data()), event.size());
        if (message.next(2)) steps.push_back(message.get_int64());
      }
    }
    std::sort(steps.begin(), steps.end());
    return steps;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ResumeTest, StepsKillResumeAndStepsEqualAllStepsBitForBit) {
  const CommandResult whole = run_command(arguments("whole"));
  ASSERT_EQ(whole.exit_code, 0) << whole.standard_error;
  {
    test::BackgroundCommand train(arguments("killed"));
    // In the middle of the second epoch of 6 steps: some steps after the last checkpoint, which is written beside them,
    // are lost.
    EXPECT_TRUE(train.wait_until([&] {
      const test::fs::path file = folder_ / "killed/metrics.jsonl";
      return test::fs::exists(folder_ / "killed/checkpoint.safetensors") && test::fs::exists(file) &&
             test::read_text(file).find("\"step\":8,") != std::string::npos;
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

TEST_F(ResumeTest, KilledBeforeTheFirstCheckpointEveryStepIsLoggedOnce) {
  std::vector<std::string> command = arguments("killed");
  command[8] = "1";
  std::vector<std::string> never = command;
  never[4] = path("whole");
  ASSERT_EQ(run_command(never).exit_code, 0);
  {
    test::BackgroundCommand train(command);
    EXPECT_TRUE(train.wait_until([&] {
      const test::fs::path file = folder_ / "killed/metrics.jsonl";
      return test::fs::exists(file) && test::read_text(file).find("\"step\":2,") != std::string::npos;
    }));
    EXPECT_TRUE(train.kill()) << "it was to be killed in the middle";
  }
  ASSERT_FALSE(test::fs::exists(folder_ / "killed/checkpoint.safetensors"));
  const CommandResult without = run_command(command);
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.standard_error, testing::HasSubstr("already holds a run"));
  command.push_back("--resume");
  const CommandResult resumed = run_command(command);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.standard_error;
  EXPECT_EQ(metrics("killed"), metrics("whole"));
  EXPECT_EQ(event_steps("killed"), event_steps("whole"));
  EXPECT_EQ(read("killed/last.safetensors"), read("whole/last.safetensors"));
}

TEST_F(ResumeTest, AFinishedRunPrintsItsMeasuresAgain) {
  std::vector<std::string> command = arguments("run");
  command[8] = "1";
  const CommandResult finished = run_command(command);
  ASSERT_EQ(finished.exit_code, 0) << finished.standard_error;
  command.push_back("--resume");
  const CommandResult again = run_command(command);
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  const auto before = nlohmann::json::parse(finished.standard_output);
  const auto after = nlohmann::json::parse(again.standard_output);
  for (const char* key : {"loss", "top1", "top5", "ece", "best_top1", "steps", "interrupted"}) {
    EXPECT_EQ(after.at(key), before.at(key)) << key;
  }
}

TEST_F(ResumeTest, OtherEpochsAreTakenAndOtherRatesRefused) {
  std::vector<std::string> command = arguments("run");
  command[8] = "1";
  ASSERT_EQ(run_command(command).exit_code, 0);
  command.push_back("--resume");
  command[8] = "2";
  std::vector<std::string> other = command;
  other[12] = "0.02";
  other.push_back("--nesterov");
  const CommandResult refused = run_command(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.standard_error, testing::HasSubstr("--lr was 0.05, is 0.02; --nesterov was false, is true"));
  EXPECT_THAT(refused.standard_error, testing::Not(testing::HasSubstr("--epochs was")));
  // A version that had fewer options wrote this.
  const test::fs::path config = folder_ / "run/config.toml";
  std::string text = test::read_text(config);
  const size_t line = text.find("\nsync-bn=");
  ASSERT_NE(line, std::string::npos);
  text.erase(line, text.find('\n', line + 1) - line);
  write_file(config, text);
  const CommandResult more = run_command(command);
  EXPECT_EQ(more.exit_code, 0) << more.standard_error;
}

}  // namespace
}  // namespace assemble
