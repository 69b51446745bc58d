// SPDX-License-Identifier: Apache-2.0
#include "help/help_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/text.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "help/completion.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

CommandDeclaration small_command() {
  return {.path = "dataset look",
          .summary = "Look at a data set",
          .purpose = "It looks at every image.",
          .examples = {{"Look", "assemble dataset look photos"}},
          .options = {{.position = "data", .description = "The data set", .value = "PATH", .is_required = true},
                      {.flags = {"--split"},
                       .description = "Part of it:\n  one line of a list that is longer than what the terminal holds",
                       .value = "WORD",
                       .words = {"train", "validation"},
                       .by_default = "train"},
                      {.flags = {"--a-flag-whose-name-is-longer-than-its-column"}, .description = "Long", .value = "N"},
                      {.flags = {"-h", "--help"}, .group = kCommonOptions, .description = "Help"}}};
}

TEST(HelpText, HasPurposeUsageOptionsAndExamples) {
  EXPECT_EQ(help_text(small_command(), {.columns = 72}),
            "Look at a data set\n"
            "\n"
            "It looks at every image.\n"
            "\n"
            "Usage: assemble dataset look [OPTIONS] DATA\n"
            "\n"
            "Arguments:\n"
            "  DATA  The data set (required)\n"
            "\n"
            "Options:\n"
            "  --split WORD                Part of it:\n"
            "                                one line of a list that is longer than\n"
            "                                what the terminal holds (one of train,\n"
            "                                validation; default train)\n"
            "  --a-flag-whose-name-is-longer-than-its-column N\n"
            "                              Long\n"
            "\n"
            "Common options:\n"
            "  -h, --help  Help\n"
            "\n"
            "Examples:\n"
            "  # Look\n"
            "  assemble dataset look photos\n");
}

TEST(HelpText, IsColouredWhereTheTerminalIs) {
  const std::string plain = help_text(small_command(), {.columns = 80});
  std::string coloured = help_text(small_command(), {.columns = 80, .redraws = true, .colours = true});
  EXPECT_THAT(coloured, HasSubstr("\033[1mUsage:\033[0m"));
  EXPECT_THAT(coloured, HasSubstr("\033[36m--split WORD\033[0m"));
  for (const char* code : {"\033[36m", "\033[1m", "\033[0m"}) {
    for (size_t at = 0; (at = coloured.find(code)) != std::string::npos;) coloured.erase(at, std::string(code).size());
  }
  EXPECT_EQ(coloured, plain);
}

TEST(HelpText, OfEveryCommandFitsIntoTheTerminal) {
  for (const auto& command : all_commands({}, make_command_elsewhere)) {
    const std::vector<CommandDeclaration> declared{declare_alone(*command)};
    for (const CommandDeclaration* one : with_all_below(declared)) {
      for (const size_t columns : {size_t{1}, size_t{40}, size_t{80}, size_t{300}}) {
        bool of_examples = false;  // command lines stay whole, to be copied
        for (const std::string& line : split(help_text(*one, {.columns = columns}), '\n')) {
          of_examples |= line == "Examples:";
          const bool is_one_word = line.find(' ', line.find_first_not_of(' ')) == std::string::npos;
          if (of_examples || is_one_word) continue;
          EXPECT_LE(display_width(line), std::clamp<size_t>(columns, 40, 100)) << line;
        }
      }
    }
  }
}

TEST(HelpText, OfTheProgramGoesWhereItWasAsked) {
  const std::string program = test::command_program();
  const test::CommandResult eval = test::run_program({program, "eval", "--help"});
  EXPECT_EQ(eval.exit_code, 0);
  EXPECT_THAT(eval.standard_output, StartsWith("Measure a model"));
  EXPECT_THAT(eval.standard_output, HasSubstr("\nRetrieval:\n"));
  EXPECT_THAT(eval.standard_output, Not(HasSubstr("\033")));
  EXPECT_EQ(test::run_program({program, "help", "eval"}).standard_output, eval.standard_output);
  EXPECT_EQ(test::run_program({program, "eval", "-h"}).standard_output, eval.standard_output);
  const std::string inner = test::run_program({program, "dataset", "check", "--help"}).standard_output;
  EXPECT_THAT(inner, HasSubstr("Usage: assemble dataset check [OPTIONS] DATA\n"));
  EXPECT_THAT(inner, HasSubstr("--quiet")) << "the options that every command has";
  EXPECT_EQ(test::run_program({program, "help", "dataset", "check"}).standard_output, inner);
  EXPECT_THAT(test::run_program({program, "help", "dataset", "chekc"}).standard_error,
              HasSubstr("did you mean check?"));
  EXPECT_THAT(test::run_program({program, "help", "evla"}).standard_error, HasSubstr("did you mean eval?"));
}

}  // namespace
}  // namespace assemble::cli
