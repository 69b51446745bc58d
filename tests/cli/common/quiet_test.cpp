// SPDX-License-Identifier: Apache-2.0
// --quiet: warnings and errors stay, progress and information do not. Of commands that need no model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "drawn_data.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::HasSubstr;

test::CommandResult run_assemble(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), test::command_program());
  return test::run_program(std::move(arguments));
}

TEST(Quiet, LeavesNothingOnStderr) {
  const test::TemporaryFolder folder;
  const std::string data = test::drawn_data().string();
  const auto out = [&](const char* name) { return (folder / name).string(); };
  for (const std::vector<std::string>& call :
       {std::vector<std::string>{"dataset", "inspect", data, "--decode"},
        {"dataset", "check", data, "--report", out("check.html")},
        {"dataset", "draw", "--out", out("drawn"), "--train-per-class", "2", "--validation-per-class", "1"},
        {"dataset", "build", "folder", "--raw", data, "--out", out("records")},
        {"corrupt", "--data", data, "--out", out("corrupted"), "--corruptions", "fog", "--severities", "1", "--crop",
         "32", "--resize", "32"},
        {"preprocess", "--type", "imagenet", data + "/validation", "--out", out("seen.safetensors")},
        {"recipe", "list"},
        {"man", "--out", out("man1")}}) {
    std::vector<std::string> quiet = call;
    quiet.emplace_back("--quiet");
    const test::CommandResult result = run_assemble(quiet);
    EXPECT_EQ(result.exit_code, 0) << join(call, " ") << result.standard_error;
    EXPECT_EQ(result.standard_error, "") << join(call, " ");
    EXPECT_NE(result.standard_output, "") << join(call, " ") << ": the result stays";
  }
}

TEST(Quiet, IsNotTheDefault) {
  const test::CommandResult loud = run_assemble({"dataset", "inspect", test::drawn_data().string(), "--decode"});
  EXPECT_THAT(loud.standard_error, HasSubstr("images/s, took "));
  EXPECT_THAT(loud.standard_error, testing::Not(HasSubstr("\r"))) << "a log file gets plain lines";
}

TEST(Quiet, WarningsAndErrorsStay) {
  const test::TemporaryFolder folder;
  fs::copy(test::drawn_data(), folder / "data", fs::copy_options::recursive);
  const fs::path some = fs::directory_iterator(folder / "data/train")->path();
  write_file(some / "broken.jpg", std::string_view("no image"));
  const test::CommandResult result = run_assemble({"dataset", "build", "folder", "--quiet", "--raw",
                                                   (folder / "data").string(), "--out", (folder / "records").string()});
  EXPECT_THAT(result.standard_error, HasSubstr("warning: "));
  EXPECT_EQ(result.exit_code, 0);
  const test::CommandResult error = run_assemble({"dataset", "inspect", "--quiet", (folder / "nowhere").string()});
  EXPECT_EQ(error.exit_code, 3);
  EXPECT_THAT(error.standard_error, HasSubstr("assemble: error: "));
}

}  // namespace
}  // namespace assemble::cli
