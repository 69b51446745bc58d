// SPDX-License-Identifier: Apache-2.0
// Every flag and command that the pages on migration name is there.
#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "assemble/core/text.h"
#include "common/commands.h"
#include "common/config.h"
#include "common/hooks.h"
#include "test_support.h"
#include "torch/commands.h"

namespace assemble::cli {
namespace {

/// Flags of a command, those of its subcommands too, and those that every command has.
std::vector<std::string> flags_of(Subcommand& command) {
  CLI::App app;
  Output output;
  command.attach(app, output);
  std::vector<std::string> flags = option_names(app);
  flags.insert(flags.end(), {"json", "quiet", "config", "recipe"});
  return flags;
}

/// The text of every code span of a page, and the commands of its blocks.
std::vector<std::string> codes_of(const std::string& page) {
  std::vector<std::string> codes;
  for (const std::string& line : split(page, '\n')) {
    if (line.starts_with("assemble ")) codes.push_back(line);
    if (line.starts_with("```")) continue;
    const std::vector<std::string> parts = split(line, '`');
    for (size_t i = 1; i < parts.size(); i += 2) codes.push_back(parts[i]);
  }
  return codes;
}

class MigrationPage : public testing::TestWithParam<const char*> {};

TEST_P(MigrationPage, NamesFlagsThatAreThere) {
  const auto commands = all_commands(torch_hooks(), make_torch_command);
  const std::regex flag("--([a-z0-9-]+)");
  int named = 0;
  for (const std::string& code : codes_of(test::read_text(test::fs::path(ASSEMBLE_SOURCE_DIR) / "docs" / GetParam()))) {
    const std::vector<std::string> words = split(code, ' ');
    if (words[0] != "assemble" && !words[0].starts_with("--")) continue;
    const std::string name = words[0] == "assemble" ? words.at(1) : "train";
    const auto command =
        std::find_if(commands.begin(), commands.end(), [&](const auto& known) { return known->name() == name; });
    ASSERT_NE(command, commands.end()) << code;
    const std::vector<std::string> flags = flags_of(**command);
    for (std::sregex_iterator match(code.begin(), code.end(), flag), end; match != end; ++match) {
      EXPECT_THAT(flags, testing::Contains((*match)[1].str())) << code;
      ++named;
    }
  }
  EXPECT_GT(named, 80);
}

INSTANTIATE_TEST_SUITE_P(Pages, MigrationPage, testing::Values("tasks/migrate.md", "tasks/migrate-timm-ultralytics.md"),
                         [](const auto& page) { return page.index == 0 ? "original" : "timm_ultralytics"; });

}  // namespace
}  // namespace assemble::cli
