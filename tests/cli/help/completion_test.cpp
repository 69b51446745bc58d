// SPDX-License-Identifier: Apache-2.0
// The scripts in the shells that they are for, each where it is installed.
#include "help/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/file.h"
#include "assemble/core/text.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::UnorderedElementsAre;

using Offers = std::vector<std::string>;

/// A folder with some files, and what a shell offers there for a line that is not finished.
class Completion : public testing::TestWithParam<Shell> {
 protected:
  void SetUp() override {
    shell_ = kShells.name(GetParam());
    program_ = concat("/usr/bin/", shell_);
    if (!fs::exists(program_)) GTEST_SKIP() << shell_ << " is not installed";
    std::vector<CommandDeclaration> commands;
    for (const auto& command : all_commands({}, make_command_elsewhere)) commands.push_back(declare_alone(*command));
    commands.push_back({.path = "odd",
                        .summary = "It's [odd]: a \"quote\" and a back\\slash",
                        .options = {{.flags = {"--it"}, .description = "It's [odd]: so\\so"}}});
    write_file(folder_ / "script", std::string_view(completion_script(GetParam(), commands)));
    fs::create_directories(folder_ / "here/photos");
    for (const char* file : {"m.safetensors", "m.onnx", "page.html", "two words.onnx", "options.toml"}) {
      write_file(folder_ / "here" / file, std::string_view("x"));
    }
  }

  Offers offers(const std::string& line) const {
    write_file(folder_ / "ask", std::string_view(question(line)));
    const test::CommandResult result =
        test::run_program({"/usr/bin/env", "-C", (folder_ / "here").string(), concat("LINE=", line),
                           concat("SCRIPT=", (folder_ / "script").string()), "LC_ALL=C.UTF-8", "HOME=/nonexistent",
                           program_, (folder_ / "ask").string()});
    EXPECT_EQ(result.standard_error, "") << line;
    Offers offers = split(result.standard_output, '\n');
    std::erase(offers, "");
    for (std::string& offer : offers) {
      if (offer.ends_with('/')) offer.pop_back();
    }
    return offers;
  }

  test::TemporaryFolder folder_;

 private:
  /// A script of the shell that prints what it offers.
  std::string question(const std::string& line) const {
    switch (GetParam()) {
      case Shell::kBash: {
        // Words as readline parts them: a "=" is one of its own.
        std::string words;
        for (const std::string& word : split(line, ' ')) {
          const size_t sign = word.starts_with("--") ? word.find('=') : std::string::npos;
          words += concat(" '", word.substr(0, sign), "'");
          if (sign == std::string::npos) continue;
          words += " '='";
          if (sign + 1 < word.size()) words += concat(" '", word.substr(sign + 1), "'");
        }
        return concat("compopt() { :; }\nsource \"$SCRIPT\"\nCOMP_WORDS=(", words,
                      ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_assemble\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n");
      }
      case Shell::kZsh:
        return R"sh(cat >$SCRIPT.setup <<'SETUP'
PS1= PS2=
autoload -Uz compinit
compinit -u -D  # leaves no file behind
source $SCRIPT
compadd() {  # prints what fits of what it is given
  local -a __found
  builtin compadd -O __found "$@"
  print -rl -- "<"${^__found}">"
  builtin compadd "$@"
}
ask() { zle complete-word; print -r -- '<END>' }
zle -N ask
bindkey '^I' ask
SETUP
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source $SCRIPT.setup"
zpty -w -n shell "$LINE"$'\t'
all=
while zpty -r shell text; do
  all+=$text
  [[ $text != *'<END>'* ]] || break
done
zpty -d shell
print -r -- $all | tr -d '\r' | grep -o '<[^<>]*>' | tr -d '<>' | grep -vx END | sort -u
)sh";
      case Shell::kFish:
        break;
    }
    return "source $SCRIPT\ncomplete -C \"$LINE\" | string split -f 1 \\t\n";
  }

  std::string shell_, program_;
};

TEST_P(Completion, OffersCommandsAndThoseBelow) {
  EXPECT_THAT(offers("assemble "), IsSupersetOf({"train", "eval", "dataset", "man", "completion", "odd"}));
  EXPECT_THAT(offers("assemble pre"), UnorderedElementsAre("predict", "preprocess"));
  EXPECT_THAT(offers("assemble dataset "), IsSupersetOf({"build", "check", "draw", "inspect"}));
  EXPECT_THAT(offers("assemble dataset c"), ElementsAre("check"));
  EXPECT_THAT(offers("assemble dataset check --dat"), Contains("--data"));
}

TEST_P(Completion, OffersTheFlagsOfTheCommand) {
  EXPECT_THAT(offers("assemble eval --ret"), ElementsAre("--retrieval"));
  EXPECT_THAT(offers("assemble eval --"),
              IsSupersetOf({"--model", "--data", "--json", "--quiet", "--config", "--help"}));
  EXPECT_THAT(offers("assemble eval --"), Not(Contains("--fix")));
  EXPECT_THAT(offers("assemble odd --i"), ElementsAre("--it"));
}

TEST_P(Completion, OffersTheWordsOfAChoice) {
  EXPECT_THAT(offers("assemble eval --split "), UnorderedElementsAre("train", "validation"));
  EXPECT_THAT(offers("assemble predict --model m.onnx --format c"), ElementsAre("csv"));
  EXPECT_THAT(offers("assemble dataset build foo"), UnorderedElementsAre("food100", "food101"));
  EXPECT_THAT(offers("assemble completion z"), ElementsAre("zsh"));
  EXPECT_THAT(offers("assemble dataset check photos --leave-out broken blu"), Contains("blurred"));
}

TEST_P(Completion, OffersTheFilesThatFit) {
  EXPECT_THAT(offers("assemble eval --model m."), UnorderedElementsAre("m.onnx", "m.safetensors"));
  EXPECT_THAT(offers("assemble eval --config "), IsSupersetOf({"options.toml", "photos"}));
  EXPECT_THAT(offers("assemble eval --config "), Not(Contains("page.html")));
  EXPECT_THAT(offers("assemble eval --cache p"), ElementsAre("photos"));
  EXPECT_THAT(offers("assemble predict --model m.onnx p"), UnorderedElementsAre("page.html", "photos"));
}

TEST_P(Completion, KnowsNothingToOfferForNumbers) {
  EXPECT_THAT(offers("assemble eval --batch-size "), Not(Contains("photos")));
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion, testing::Values(Shell::kBash, Shell::kZsh, Shell::kFish),
                         [](const auto& shell) { return std::string(kShells.name(shell.param)); });

TEST(BashCompletion, ReadsAValueBehindAnEqualsSign) {
  if (!fs::exists("/usr/bin/bash")) GTEST_SKIP() << "no bash";
  const test::TemporaryFolder folder;
  std::vector<CommandDeclaration> commands;
  for (const auto& command : all_commands({}, make_command_elsewhere)) commands.push_back(declare_alone(*command));
  write_file(folder / "script", std::string_view(completion_script(Shell::kBash, commands) +
                                                 "COMP_WORDS=(assemble eval --split = tr)\nCOMP_CWORD=4\n_assemble\n"
                                                 "echo \"${COMPREPLY[@]}\"\n"
                                                 "COMP_WORDS=(assemble eval --split =)\nCOMP_CWORD=3\n_assemble\n"
                                                 "echo \"${COMPREPLY[@]}\"\n"));
  EXPECT_EQ(test::run_program({"/usr/bin/bash", (folder / "script").string()}).standard_output,
            "train\ntrain validation\n");
}

}  // namespace
}  // namespace assemble::cli
