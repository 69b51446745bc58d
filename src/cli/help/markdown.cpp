// SPDX-License-Identifier: Apache-2.0
// Pages for the site.
#include <algorithm>

#include "assemble/core/text.h"
#include "help/help_text.h"
#include "help/manual.h"

namespace assemble::cli {
namespace {

/// Text in a cell of a table, where a bar would end the cell, and signs of HTML would be taken for tags.
std::string cell(const std::string& text) {
  std::string result;
  bool code = false;
  for (const char c : text) {
    if (c == '`') code = !code;
    if (c == '|') {
      result += "\\|";
    } else if (c == '\n') {
      result += "<br>";
    } else if (!code && c == '<') {
      result += "&lt;";
    } else if (!code && (c == '*' || c == '_')) {
      result += std::string("\\") + c;
    } else {
      result += c;
    }
  }
  return result;
}

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string link(const CommandDeclaration& command) {
  return concat("[`assemble ", command.path, "`](", page_name(command.path), ".md)");
}

std::string option_rows(const CommandDeclaration& command, const std::string& group, bool by_position) {
  std::string rows;
  for (const OptionDeclaration& option : command.options) {
    if (option.group != group || option.flags.empty() != by_position) continue;
    rows += concat("| ", code(option.shown()), " | ", cell(option.description), " | ", cell(join(option.notes(), "; ")),
                   " |\n");
  }
  return rows;
}

std::string command_table(const std::vector<CommandDeclaration>& commands) {
  std::string text = "| command | |\n| --- | --- |\n";
  for (const CommandDeclaration& command : commands) {
    text += concat("| ", link(command), " | ", cell(command.summary), command.is_elsewhere ? " \\*" : "", " |\n");
  }
  return text;
}

}  // namespace

std::string to_markdown(const CommandDeclaration& command) {
  std::string text = concat("# assemble ", command.path, "\n\n", cell(command.summary), ".\n");
  if (!command.purpose.empty()) text += concat("\n", command.purpose, "\n");
  if (command.is_elsewhere) text += concat("\nIt ", kElsewhere, ".\n");
  text += concat("\n```text\n", command.usage(), "\n```\n");
  if (!command.examples.empty()) text += "\n## Examples\n```sh\n";
  for (const Example& example : command.examples) text += concat("# ", example.what, "\n", example.command, "\n");
  if (!command.examples.empty()) text += "```\n";
  if (!command.commands.empty()) text += "\n## Commands\n" + command_table(command.commands);
  const auto section = [&](const std::string& title, const std::string& rows) {
    if (!rows.empty()) text += concat("\n## ", title, "\n| option | what | takes |\n| --- | --- | --- |\n", rows);
  };
  section("Arguments", option_rows(command, "", /*by_position=*/true));
  for (const std::string& group : command.groups()) {
    section(group.empty() ? "Options" : group, option_rows(command, group, /*by_position=*/false));
  }
  return text;
}

std::string to_markdown(const std::vector<CommandDeclaration>& commands) {
  std::string text = concat("# Commands\n\n", kProgramPurpose, "\n\n", command_table(commands));
  const bool elsewhere = std::ranges::any_of(commands, [](const auto& command) { return command.is_elsewhere; });
  if (elsewhere) text += concat("\n\\* ", kElsewhere, ".\n");
  text += "\n## Exit status\n| status | meaning |\n| --- | --- |\n";
  for (const ExitStatus& status : kExitStatuses) text += concat("| ", status.status, " | ", status.meaning, " |\n");
  text += "\n## Environment\n| variable | meaning |\n| --- | --- |\n";
  for (const Variable& variable : kVariables)
    text += concat("| ", code(variable.name), " | ", variable.meaning, " |\n");
  return text;
}

}  // namespace assemble::cli
