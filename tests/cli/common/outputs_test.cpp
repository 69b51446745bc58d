// SPDX-License-Identifier: Apache-2.0
#include "common/outputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "common/command_line.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using test::error_of;
using testing::HasSubstr;

TEST(Outputs, AFilesFolderIsMadeAndNothingElse) {
  const test::TemporaryFolder folder;
  prepare_output_file("--out", folder / "a/b/file", {});
  EXPECT_TRUE(fs::is_directory(folder / "a/b"));
  EXPECT_TRUE(fs::is_empty(folder / "a/b"));
  write_file(folder / "a/b/file", std::string_view("kept"));
  prepare_output_file("--out", folder / "a/b/file", {"", (folder / "a/b/other").string()});
  EXPECT_EQ(test::read_text(folder / "a/b/file"), "kept");
}

TEST(Outputs, FilesThatCannotBeWrittenAreRefused) {
  const test::TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  fs::create_symlink(folder / "file", folder / "link");
  const auto usage = [&](const fs::path& out, const std::vector<std::string>& inputs) {
    return error_of<UsageError>([&] { prepare_output_file("--out", out, inputs); });
  };
  EXPECT_THAT(usage(folder.path(), {}), HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(usage("", {}), HasSubstr("is no name of a file"));
  EXPECT_THAT(usage(folder / "new/", {}), HasSubstr("is no name of a file"));
  EXPECT_THAT(usage(folder / "file", {"x", (folder / "." / "file").string()}), HasSubstr("is also an input"));
  EXPECT_THAT(usage(folder / "link", {(folder / "file").string()}), HasSubstr("is also an input"));
  EXPECT_THROW(prepare_output_file("--out", folder / "file/below", {}), RunError);
  EXPECT_THROW(prepare_output_file("--out", "/proc/no/file", {}), RunError);
}

TEST(Outputs, FoldersAreCheckedAndNotMade) {
  const test::TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  check_output_folder("--out", folder / "a/b", {folder.path().string()});
  EXPECT_FALSE(fs::exists(folder / "a"));
  const auto usage = [&](const fs::path& out, const std::vector<std::string>& data) {
    return error_of<UsageError>([&] { check_output_folder("--out", out, data); });
  };
  for (const char* name : {"file", "file/below"}) {
    EXPECT_THAT(error_of<RunError>([&] { check_output_folder("--out", folder / name, {}); }),
                HasSubstr("is a file, expected a folder"));
  }
  EXPECT_THAT(usage(folder / "x/..", {folder.path().string()}), HasSubstr("the data set's own folder"));
  EXPECT_THAT(usage("", {}), HasSubstr("is empty"));
}

TEST(Outputs, EveryCommandChecksThemBeforeItReadsAnything) {
  const test::TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  const std::string out = (folder / "file/below").string(), absent = (folder / "absent").string();
  const std::vector<std::vector<std::string>> calls{
      {"export", "--model", absent, "--out", out + ".onnx"},
      {"preprocess", "--type", "imagenet", absent, "--out", out},
      {"robustness", "report", absent, "--out", out},
      {"robustness", "c", "--model", absent, "--data", absent, "--out", out},
      {"robustness", "p", "--model", absent, "--data", absent, "--out", out},
      {"teach", "--model", absent, "--data", absent, "--out", out},
      {"corrupt", "--data", absent, "--out", out},
      {"perturb", "--data", absent, "--out", out},
      {"dataset", "build", "folder", "--raw", absent, "--out", out},
      {"dataset", "draw", "--out", out},
      {"dataset", "check", absent, "--report", out},
      {"dataset", "check", absent, "--fix", "list", "--out", out},
      {"dataset", "check", absent, "--fix", "copy", "--out", out}};
  for (const std::vector<std::string>& call : calls) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(run_command_line({.commands = all_commands({}, make_command_elsewhere)}, call), 4) << join(call, " ");
    const std::string error = testing::internal::GetCapturedStderr();
    EXPECT_THAT(error, HasSubstr("error: ")) << join(call, " ");
    EXPECT_THAT(error, HasSubstr((folder / "file").string())) << join(call, " ");
    EXPECT_THAT(error, testing::Not(HasSubstr(absent))) << join(call, " ");
  }
}

}  // namespace
}  // namespace assemble::cli
