// SPDX-License-Identifier: Apache-2.0
// From a teacher to a student through the command alone.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "background_program.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class TeachCommandTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    const CommandResult trained = run_command(train_arguments("teacher", data(), {}));
    ASSERT_EQ(trained.exit_code, 0) << trained.standard_error;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::vector<std::string> train_arguments(const std::string& name, const std::string& data,
                                                  const std::vector<std::string>& more) {
    std::vector<std::string> arguments{
        "train", "--data",       data, "--out", path(name), "--arch", "resnet50+w8",     "--epochs",
        "1",     "--batch-size", "8",  "--lr",  "0.05",     "--json", "--preprocessing", "imagenet_32a"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::vector<std::string> teach_arguments(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"teach", "--model", model(),    "--data", data(),
                                       "--out", path(out), "--shards", "6",      "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::string path(const std::string& name) { return (*folder_ / name).string(); }
  static std::string data() { return test::drawn_data().string(); }
  static std::string model() { return path("teacher/best.safetensors"); }
  static std::string shards(const std::string& out) {
    std::string all;
    for (const std::string& file : test::list_files(path(out))) all += file + test::read_text(*folder_ / out / file);
    return all;
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* TeachCommandTest::folder_ = nullptr;

TEST_F(TeachCommandTest, AStudentLearnsFromStoredLogits) {
  const CommandResult taught = run_command(teach_arguments("taught"));
  ASSERT_EQ(taught.exit_code, 0) << taught.standard_error;
  const json report = json::parse(taught.standard_output);
  EXPECT_EQ(report.at("train").at("images"), 48);
  EXPECT_EQ(report.at("train").at("shards"), 6);
  EXPECT_EQ(report.at("validation").at("images"), 24);
  // The logits are those that eval takes the top-1 of.
  const CommandResult measured = run_command({"eval", "--model", model(), "--data", data(), "--json"});
  EXPECT_DOUBLE_EQ(report.at("validation").at("teacher_top1").get<double>(),
                   json::parse(measured.standard_output).at("top1").get<double>());

  const CommandResult student =
      run_command(train_arguments("student", path("taught"), {"--kd-temperature", "2", "--mixup", "1"}));
  ASSERT_EQ(student.exit_code, 0) << student.standard_error;
  EXPECT_EQ(json::parse(student.standard_output).at("steps"), 6);

  const CommandResult again = run_command(teach_arguments("taught"));
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  EXPECT_EQ(json::parse(again.standard_output).at("train").at("kept_shards"), 6);
}

TEST_F(TeachCommandTest, ThreadsAndAKillDoNotChangeTheShards) {
  ASSERT_EQ(run_command(teach_arguments("whole", {"--threads", "1", "--loader-threads", "1"})).exit_code, 0);
  {
    test::BackgroundCommand teach(teach_arguments("killed"));
    EXPECT_TRUE(teach.wait_until([] { return test::fs::exists(*folder_ / "killed/train-00001-of-00006"); }));
    EXPECT_TRUE(teach.kill()) << "it was to be killed in the middle";
  }
  EXPECT_FALSE(test::fs::exists(*folder_ / "killed/classes.txt"));
  const CommandResult resumed = run_command(teach_arguments("killed", {"--threads", "2", "--loader-threads", "3"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.standard_error;
  const int kept = json::parse(resumed.standard_output).at("train").at("kept_shards");
  EXPECT_GE(kept, 2);
  EXPECT_EQ(shards("killed"), shards("whole"));
}

TEST_F(TeachCommandTest, OneSplitMayBeTaught) {
  const CommandResult result = run_command(teach_arguments("one", {"--split", "validation", "--precision", "bf16"}));
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_FALSE(json::parse(result.standard_output).contains("train"));
  const CommandResult other = run_command(teach_arguments("one", {"--split", "train"}));
  EXPECT_EQ(other.exit_code, 2) << "f32 logits beside bf16 ones";
  EXPECT_THAT(other.standard_error, HasSubstr("another teacher"));
}

TEST_F(TeachCommandTest, ATeacherMustKnowTheClasses) {
  const test::TemporaryFolder two;
  for (const char* split : {"train", "validation"}) {
    for (size_t c = 0; c < 2; ++c) {
      const test::fs::path from = test::drawn_data() / split / drawn_classes()[c];
      test::fs::create_directories(two / split);
      test::fs::copy(from, two / split / drawn_classes()[c], test::fs::copy_options::recursive);
    }
  }
  const std::vector<std::string> arguments{"teach", "--model",   model(), "--data", two.path().string(),
                                           "--out", path("two"), "--json"};
  const CommandResult part = run_command(arguments);
  ASSERT_EQ(part.exit_code, 0) << part.standard_error;
  EXPECT_EQ(json::parse(part.standard_output).at("class_pairing").at("measured_outputs"), 2);

  test::fs::remove_all(path("two"));
  for (const char* split : {"train", "validation"}) {
    test::fs::rename(two / split / drawn_classes()[1], two / split / "unknown");
  }
  const CommandResult unknown = run_command(arguments);
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.standard_error, HasSubstr("the first 'unknown'"));
  EXPECT_FALSE(test::fs::exists(path("two")));
}

TEST_F(TeachCommandTest, UnusableOutputsAreErrors) {
  const CommandResult own = run_command({"teach", "--model", model(), "--data", data(), "--out", data() + "/."});
  EXPECT_EQ(own.exit_code, 2);
  EXPECT_THAT(own.standard_error, HasSubstr("the data set's own folder"));
  std::ofstream(path("file")) << "x";
  const CommandResult file = run_command({"teach", "--model", model(), "--data", data(), "--out", path("file/out")});
  EXPECT_EQ(file.exit_code, 4);
  EXPECT_THAT(file.standard_error, HasSubstr(path("file")));
}

}  // namespace
}  // namespace assemble
