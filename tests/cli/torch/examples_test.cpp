// SPDX-License-Identifier: Apache-2.0
// The command lines that help, manual pages and docs show are ones that the commands take.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/text.h"
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

/// What stands in the blocks of a page that are for a shell.
std::string shell_blocks(const std::string& page) {
  std::string text;
  bool within = false;
  for (const std::string& line : split(page, '\n')) {
    if (line.starts_with("```")) {
      within = !within && line == "```sh";
      text += "\n";
    } else if (within) {
      text += line + "\n";
    }
  }
  return text;
}

TEST(Examples, OfTheDocsParse) {
  const fs::path top = ASSEMBLE_SOURCE_DIR;
  std::vector<fs::path> pages{top / "README.md", top / "CONTRIBUTING.md"};
  for (const auto& entry : fs::recursive_directory_iterator(top / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  int calls = 0;
  for (const fs::path& page : pages) {
    for (const test::Words& call : test::calls_of_assemble(shell_blocks(test::read_text(page)))) {
      EXPECT_EQ(test::error_of_call(commands_of_torch(), call), "") << page << ": assemble " << join(call, " ");
      ++calls;
    }
  }
  EXPECT_GT(calls, 100);
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
  EXPECT_EQ(error("assemble eval --model m.onnx …"), "");
  EXPECT_NE(error("assemble eval --model m.onnx --no-such-flag …"), "");
  EXPECT_NE(error("assemble no-such-command"), "");
  EXPECT_NE(error("assemble train --data d --out r --recipe no_such_recipe"), "");
}

}  // namespace
}  // namespace assemble::cli
