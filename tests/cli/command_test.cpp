// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"

namespace assemble {
namespace {

using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

TEST(CommandLine, WithoutACommandListsThem) {
  const CommandResult result = run_command({});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("train"));
  EXPECT_THAT(run_command({"--help"}).standard_output, HasSubstr("predict"));
  EXPECT_EQ(run_command({"--version"}).standard_output.rfind("assemble ", 0), 0u);
}

TEST(CommandLine, AnUnknownCommandNamesTheNearest) {
  const CommandResult result = run_command({"trian"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("unknown command 'trian'"));
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean train?"));
}

TEST(CommandLine, AnUnknownFlagNamesTheNearest) {
  const CommandResult result = run_command({"train", "--data", "d", "--out", "o", "--label-smothing", "0.1"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean --label-smoothing?"));
}

TEST(CommandLine, AnUnknownKeyOfARecipeNamesTheNearest) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "r.toml") << "mixupp = 1\n";
  const CommandResult result =
      run_command({"train", "--data", "d", "--out", (folder / "o").string(), "--recipe", (folder / "r.toml").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("mixupp"));
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean --mixup?"));
}

TEST(CommandLine, EveryRecipeIsAccepted) {
  const test::TemporaryFolder folder;
  int recipes = 0;
  for (const auto& entry : test::fs::directory_iterator(test::fs::path(ASSEMBLE_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".toml") continue;
    const CommandResult result = run_command({"train", "--recipe", entry.path().string(), "--data", "/nonexistent/data",
                                              "--out", (folder / "run").string()});
    EXPECT_EQ(result.exit_code, 3) << entry.path() << ": " << result.standard_error;
    EXPECT_THAT(result.standard_error, HasSubstr("/nonexistent/data"));
    ++recipes;
  }
  EXPECT_GE(recipes, 7);
}

TEST(CommandLine, AMissingRecipeIsAnError) {
  const CommandResult result = run_command({"train", "--data", "d", "--out", "o", "--recipe", "/nonexistent/r.toml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("/nonexistent/r.toml"));
}

TEST(CommandLine, HelpOfACommandListsItsOptions) {
  const CommandResult result = run_command({"train", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_output, HasSubstr("--label-smoothing"));
}

}  // namespace
}  // namespace assemble
