// SPDX-License-Identifier: Apache-2.0
#include "common/declaration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "assemble/core/text.h"
#include "command_lines.h"
#include "common/choice_option.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "common/numbers.h"
#include "pseudo_terminal.h"

namespace assemble::cli {
namespace {

using test::Words;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

/// One option of each kind.
class Declaring : public Subcommand {
 public:
  Declaring() : Subcommand("declare", "Declares") {}
  std::string purpose() const override { return "Declares one option of each kind."; }
  std::vector<Example> examples() const override { return {{"Declare", "assemble declare --count 3 a b"}}; }
  void declare(CLI::App& app) override {
    app.add_option("images", images_, "Images")->required();
    app.add_option("--count", count_, "How many")->transform(whole(1, 9));
    app.add_option("--images-at-once", count_, "How many")->transform(at_least(1));
    app.add_option("--share", share_, "Share")->transform(share())->group("Numbers");
    app.add_option("--word", word_, "Which")->check(one_of({"one", "two"}))->required();
    app.add_option("--cache", cache_, "Folder");
    app.add_option("--model", model_, "Model");
    app.add_option("--rank", count_, "Rank")->envname("DECLARATION_TEST_RANK")->transform(whole(0, 9));
    app.add_flag("--strict,!--no-strict", strict_, "Strict");
  }
  void run() override {}

 private:
  std::vector<std::string> images_;
  int count_ = 5;
  double share_ = 0.5;
  std::string word_, model_, cache_ = "/home/someone/.cache/assemble";
  bool strict_ = true;
};

const OptionDeclaration& option_of(const CommandDeclaration& command, const std::string& flag) {
  for (const OptionDeclaration& option : command.options) {
    if (option.position == flag || std::ranges::find(option.flags, flag) != option.flags.end()) return option;
  }
  throw std::out_of_range(flag);
}

TEST(Declaration, SaysWhatAnOptionTakes) {
  const test::ScopedVariable home("HOME", "/home/someone"), cache("XDG_CACHE_HOME", nullptr);
  Declaring command;
  const CommandDeclaration declared = declare_alone(command);
  EXPECT_EQ(declared.path, "declare");
  EXPECT_EQ(declared.usage(), "assemble declare [OPTIONS] --word WORD IMAGES…");
  EXPECT_THAT(declared.groups(), ElementsAre("", "Numbers", kCommonOptions));
  const OptionDeclaration& images = option_of(declared, "images");
  EXPECT_THAT(images.flags, IsEmpty());
  EXPECT_EQ(images.shown(), "IMAGES…");
  EXPECT_EQ(images.path, PathKind::kEither);
  EXPECT_EQ(option_of(declared, "--count").shown(), "--count N");
  EXPECT_THAT(option_of(declared, "--count").notes(), ElementsAre("in 1 … 9", "default 5"));
  EXPECT_EQ(option_of(declared, "--images-at-once").range, "1 or more");
  EXPECT_EQ(option_of(declared, "--share").shown(), "--share X");
  EXPECT_EQ(option_of(declared, "--share").group, "Numbers");
  EXPECT_THAT(option_of(declared, "--word").words, ElementsAre("one", "two"));
  EXPECT_THAT(option_of(declared, "--word").notes(), ElementsAre("one of one, two", "required"));
  EXPECT_EQ(option_of(declared, "--cache").shown(), "--cache FOLDER");
  EXPECT_THAT(option_of(declared, "--cache").notes(), ElementsAre("default ~/.cache/assemble"));
  EXPECT_THAT(option_of(declared, "--model").endings, ElementsAre("safetensors", "onnx", "xml"));
  EXPECT_EQ(option_of(declared, "--rank").variable, "DECLARATION_TEST_RANK");
  EXPECT_EQ(option_of(declared, "--strict").shown(), "--strict, --no-strict");
  EXPECT_FALSE(option_of(declared, "--strict").takes_value());
  EXPECT_EQ(option_of(declared, "-q").group, kCommonOptions);
  const nlohmann::ordered_json json = to_json(declared);
  EXPECT_EQ(json["options"].size(), declared.options.size());
  EXPECT_EQ(json["examples"][0]["command"], "assemble declare --count 3 a b");
}

/// All commands that this program has itself, with those below them.
void for_each_command(const std::vector<CommandDeclaration>& commands,
                      const std::function<void(const CommandDeclaration&)>& look) {
  for (const CommandDeclaration& command : commands) {
    if (!command.is_elsewhere) look(command);
    for_each_command(command.commands, look);
  }
}

std::vector<CommandDeclaration> declared_commands() {
  std::vector<CommandDeclaration> declared;
  for (const auto& command : all_commands({}, make_command_elsewhere)) declared.push_back(declare_alone(*command));
  return declared;
}

TEST(Declaration, EveryCommandSaysWhatItIsForAndShowsHow) {
  int examples = 0;
  for_each_command(declared_commands(), [&](const CommandDeclaration& command) {
    EXPECT_THAT(command.purpose, testing::EndsWith(".")) << command.path;
    EXPECT_THAT(command.examples, Not(IsEmpty())) << command.path;
    for (const Example& example : command.examples) {
      EXPECT_THAT(example.what, Not(testing::EndsWith("."))) << command.path;
      const std::vector<Words> calls = test::calls_of_assemble(example.command);
      EXPECT_THAT(calls, testing::SizeIs(1)) << example.command;
      for (const Words& call : calls) {
        const auto commands = all_commands({}, make_command_elsewhere);
        const auto is_elsewhere = [&](const auto& known) { return known->name() == call[0] && known->is_elsewhere(); };
        if (std::ranges::any_of(commands, is_elsewhere)) continue;  // TorchCommands looks at them
        EXPECT_EQ(test::error_of_call(commands, call), "") << example.command;
        ++examples;
      }
    }
  });
  EXPECT_GT(examples, 30);
}

TEST(Declaration, AnOptionOfFilesSaysSo) {
  std::set<std::string> of_paths;
  for_each_command(declared_commands(), [&](const CommandDeclaration& command) {
    for (const OptionDeclaration& option : command.options) {
      if (option.path != PathKind::kNone) of_paths.insert(option.flags.empty() ? option.position : option.flags.back());
      const bool speaks_of_it = option.description.starts_with("Folder") ||
                                option.description.starts_with("Model file") ||
                                option.description.starts_with("Data set") || option.description.starts_with("File ") ||
                                option.description.starts_with("Page ");
      EXPECT_TRUE(!speaks_of_it || option.path != PathKind::kNone) << command.path << " " << option.shown();
    }
  });
  EXPECT_GT(of_paths.size(), 12u);
}

TEST(Declaration, ShellTextIsTakenApart) {
  EXPECT_THAT(test::calls_of_assemble("A=1 assemble eval --model 'my model' \\\n  --data d > out 2>&1  # a comment\n"
                                      "source <(assemble man train) && build/assemble soup a b | head"),
              ElementsAre(ElementsAre("eval", "--model", "my model", "--data", "d"), ElementsAre("man", "train"),
                          ElementsAre("soup", "a", "b")));
}

}  // namespace
}  // namespace assemble::cli
