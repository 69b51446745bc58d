// SPDX-License-Identifier: Apache-2.0
// The pages as man and mandoc see them.
#include "help/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/text.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "help/completion.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using test::CommandResult;
using test::fs::path;
using testing::HasSubstr;
using testing::Not;

const std::string kProgram = test::command_program();

bool is_installed(const std::string& program) { return fs::exists("/usr/bin/" + program); }

CommandDeclaration odd_command() {
  return {
      .path = "odd one",
      .summary = "Text that roff takes for its own: .TH and \\fB",
      .purpose = ".SH begins this line, 'and' that; `code` and a back\\slash.",
      .examples = {{"Quote \"it\"", "assemble odd one 'a b' --x \"c\""}},
      .options = {{.flags = {"--x"}, .group = "A \"group\"", .description = "'quoted'\n  .dot | bar", .value = "TEXT"}},
      .is_elsewhere = true};
}

TEST(Manual, TextIsNotTakenForRequests) {
  const std::string page = to_roff(odd_command());
  EXPECT_THAT(page, HasSubstr("\n\\&.SH begins this line, 'and' that; \\fBcode\\fR and a back\\eslash.\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&'quoted'\n.br\n\\&.dot | bar\n"));
  EXPECT_THAT(page, HasSubstr(".SS \"A \\(dqgroup\\(dq\"\n"));
  EXPECT_THAT(page, HasSubstr("assemble\\-odd\\-one \\- Text that roff takes for its own: .TH and \\efB\n"));
  EXPECT_THAT(page, HasSubstr("needs LibTorch"));
  const std::string markdown = to_markdown(odd_command());
  EXPECT_THAT(markdown, HasSubstr("| `--x TEXT` | 'quoted'<br>  .dot \\| bar |"));
}

TEST(Manual, PagesAreCalledAsManCallsThem) {
  EXPECT_EQ(page_name(""), "assemble");
  EXPECT_EQ(page_name("dataset check"), "assemble-dataset-check");
}

TEST(Manual, EveryPageIsCleanForManAndMandoc) {
  const test::TemporaryFolder folder;
  const CommandResult written = test::run_program({kProgram, "man", "--out", (folder / "man1").string(), "--json"});
  ASSERT_EQ(written.exit_code, 0) << written.standard_error;
  write_file(folder / "man1/odd.1", std::string_view(to_roff(odd_command())));
  const std::vector<std::string> pages = test::list_files(folder / "man1");
  EXPECT_GT(pages.size(), 30u);
  EXPECT_THAT(pages, testing::IsSupersetOf({"assemble.1", "assemble-dataset-check.1", "assemble-train.1"}));
  for (const std::string& page : pages) {
    const std::string file = (folder / "man1" / page).string();
    if (is_installed("man") && is_installed("groff")) {
      const CommandResult shown = test::run_program(
          {"/usr/bin/env", "MANWIDTH=80", "LC_ALL=C.UTF-8", "MANROFFSEQ=", "man", "--warnings=w", "-l", file});
      EXPECT_EQ(shown.standard_error, "") << page;
      EXPECT_THAT(shown.standard_output, HasSubstr("EXIT STATUS")) << page;
    }
    if (is_installed("mandoc")) {
      // Style: mandoc wishes for a date, which would make the page another one each day.
      const CommandResult lint = test::run_program({"/usr/bin/mandoc", "-Tlint", "-Wwarning", file});
      for (const std::string& line : split(lint.standard_output, '\n')) {
        EXPECT_TRUE(line.empty() || line.find("missing date") != std::string::npos) << line;
      }
    }
  }
  if (!is_installed("mandoc")) std::puts("mandoc is not installed: man alone has looked at the pages");
}

TEST(Manual, PrintsThePageThatWasAskedFor) {
  const auto page = [](std::vector<std::string> words) {
    words.insert(words.begin(), {kProgram, "man"});
    return test::run_program(words);
  };
  EXPECT_THAT(page({"dataset", "check"}).standard_output, HasSubstr(".SH NAME\nassemble\\-dataset\\-check \\- "));
  EXPECT_THAT(page({}).standard_output, HasSubstr(".TH \"assemble\" 1"));
  EXPECT_THAT(page({"eval", "--format", "markdown"}).standard_output, testing::StartsWith("# assemble eval\n"));
  const auto json = nlohmann::json::parse(page({"eval", "--json"}).standard_output);
  EXPECT_EQ(json["command"], "eval");
  EXPECT_GT(json["options"].size(), 20u);
  EXPECT_THAT(page({"evl"}).standard_error, HasSubstr("did you mean eval?"));
  EXPECT_THAT(page({"dataset", "chekc"}).standard_error, HasSubstr("did you mean check?"));
  EXPECT_THAT(page({"eval", "more"}).standard_error, HasSubstr("'eval' has no command 'more'"));
  EXPECT_EQ(page({"eval", "--out", "/tmp/x"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble::cli
