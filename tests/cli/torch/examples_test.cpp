// SPDX-License-Identifier: Apache-2.0
// The command lines that help and manual pages show are ones that the commands take; tests/pages_test.sh runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "command_lines.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "help/completion.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

std::vector<std::unique_ptr<Subcommand>> commands_of_torch() { return all_commands(torch_hooks(), make_torch_command); }

TEST(Examples, OfEveryCommandParse) {
  std::vector<CommandDeclaration> declared;
  for (const auto& command : commands_of_torch()) declared.push_back(declare_alone(*command));
  int examples = 0;
  for (const CommandDeclaration* command : with_all_below(declared)) {
    EXPECT_THAT(command->purpose, testing::EndsWith(".")) << command->path;
    EXPECT_FALSE(command->examples.empty()) << command->path;
    for (const Example& example : command->examples) {
      for (const test::Words& call : test::calls_of_assemble(example.command)) {
        EXPECT_EQ(test::error_of_call(commands_of_torch(), call), "") << example.command;
        ++examples;
      }
    }
  }
  EXPECT_GT(examples, 50);
}

TEST(Examples, OfTheKubernetesJobParses) {
  std::string text = test::read_text(fs::path(ASSEMBLE_SOURCE_DIR) / "examples/pytorchjob.yaml");
  const size_t begin = text.find("command: [") + std::string_view("command: [").size();
  std::string command = text.substr(begin, text.find(']', begin) - begin);
  std::erase(command, ',');
  const std::vector<test::Words> calls = test::calls_of_assemble(command);
  ASSERT_EQ(calls.size(), 1u) << command;
  EXPECT_EQ(test::error_of_call(commands_of_torch(), calls[0]), "") << command;
}

TEST(Examples, AnOptionThatThereIsNotIsSeen) {
  const auto error = [](const std::string& line) {
    return test::error_of_call(commands_of_torch(), test::calls_of_assemble(line).at(0));
  };
  EXPECT_EQ(error("assemble eval --model m.onnx --data d"), "");
  EXPECT_NE(error("assemble eval --model m.onnx --data d --no-such-flag 3"), "");
  EXPECT_NE(error("assemble eval --model m.onnx"), "") << "--data is missing";
  EXPECT_NE(error("assemble no-such-command"), "");
  EXPECT_NE(error("assemble train --data d --out r --recipe no_such_recipe"), "");
}

}  // namespace
}  // namespace assemble::cli
