// SPDX-License-Identifier: Apache-2.0
// What holds for every command of the second program.
#include "torch/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/text.h"
#include "common/command_line.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "common/torch_commands.h"
#include "option_ranges.h"

namespace assemble::cli {
namespace {

using testing::HasSubstr;

TEST(TorchCommands, AreCalledAsTheFirstProgramCallsThem) {
  for (const TorchCommand& listed : kTorchCommands) {
    const std::unique_ptr<Subcommand> command = make_torch_command(listed.name);
    EXPECT_EQ(command->name(), listed.name);
    EXPECT_EQ(command->summary(), listed.summary);
    EXPECT_FALSE(command->is_elsewhere());
  }
  const auto here = all_commands(torch_hooks(), make_torch_command), there = all_commands({}, make_command_elsewhere);
  ASSERT_EQ(here.size(), there.size());
  for (size_t i = 0; i < here.size(); ++i) {
    EXPECT_EQ(here[i]->name(), there[i]->name());
    EXPECT_EQ(here[i]->summary(), there[i]->summary());
    EXPECT_FALSE(here[i]->is_elsewhere());
  }
}

TEST(TorchCommands, EveryNumericOptionHasARange) {
  int numeric = 0;
  for (const TorchCommand& listed : kTorchCommands) {
    numeric += test::expect_ranges_of_numbers(*make_torch_command(listed.name));
  }
  EXPECT_GT(numeric, 50);
}

TEST(TorchCommands, CheckTheirOutputsBeforeTheyReadAnything) {
  const test::TemporaryFolder folder;
  write_file(folder / "file", std::string_view("x"));
  const std::string out = (folder / "file/below").string(), absent = (folder / "absent").string();
  for (const std::vector<std::string>& call : {std::vector<std::string>{"convert", absent, out + ".safetensors"},
                                               {"convert", absent, out, "--to", "tensorflow"},
                                               {"forward", "--model", absent, "--input", absent, "--output", out},
                                               {"soup", absent, "--data", absent, "--out", out},
                                               {"train", "--data", absent, "--out", out},
                                               {"demo", "--out", out}}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(run_command_line({.commands = all_commands(torch_hooks(), make_torch_command)}, call), 4)
        << join(call, " ");
    const std::string error = testing::internal::GetCapturedStderr();
    EXPECT_THAT(error, HasSubstr((folder / "file").string())) << join(call, " ");
    EXPECT_THAT(error, testing::Not(HasSubstr(absent))) << join(call, " ");
  }
}

}  // namespace
}  // namespace assemble::cli
