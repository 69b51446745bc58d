// SPDX-License-Identifier: Apache-2.0
// Pages for man(1), in the macros of man(7).
#include "assemble/core/text.h"
#include "help/help_text.h"
#include "help/manual.h"

namespace assemble::cli {
namespace {

/// Text as roff prints it: its own characters escaped, code in bold, dashes that can be copied.
std::string escaped(std::string_view text) {
  std::string result;
  bool code = false;
  for (const char c : text) {
    if (c == '`') {
      result += code ? "\\fR" : "\\fB";
      code = !code;
    } else if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  if (code) result += "\\fR";
  return result;
}

/// The same where a line begins: a point or an apostrophe there would begin a request.
std::string line_of(const std::string& text) {
  const std::string line = escaped(text);
  return line.starts_with('.') || line.starts_with('\'') ? "\\&" + line + "\n" : line + "\n";
}

/// An argument of a request.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : escaped(text)) result += c == '"' ? std::string("\\(dq") : std::string(1, c);
  return result + "\"";
}

std::string lines_of(const std::string& text) {
  std::string result;
  for (const std::string& line : split(text, '\n')) {
    if (!result.empty()) result += ".br\n";
    result += line_of(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  }
  return result;
}

std::string entry(const std::string& name, const std::string& text) {
  return concat(".TP\n.B ", quoted(name), "\n", lines_of(text));
}

std::string option_entry(const OptionDeclaration& option) {
  const std::vector<std::string> notes = option.notes();
  return entry(option.shown(),
               notes.empty() ? option.description : concat(option.description, "\n", join(notes, "; ")));
}

/// No date: the page of a version is the same whenever it is made.
std::string head(const std::string& path, const std::string& summary) {
  const std::string name = page_name(path);
  return concat(".TH ", quoted(name), " 1 ", quoted(""), " ", quoted(concat("Assemble ", ASSEMBLE_VERSION)),
                " Assemble\n.SH NAME\n", escaped(name), R"( \- )", escaped(summary), "\n");
}

std::string foot() {
  std::string text = ".SH EXIT STATUS\n";
  for (const ExitStatus& status : kExitStatuses) text += entry(std::to_string(status.status), status.meaning);
  text += ".SH ENVIRONMENT\n";
  for (const Variable& variable : kVariables) text += entry(variable.name, variable.meaning);
  return text;
}

std::string command_list(const std::vector<CommandDeclaration>& commands) {
  std::string text;
  for (const CommandDeclaration& command : commands) {
    text += entry("assemble " + command.path, command.summary + (command.is_elsewhere ? " *" : ""));
  }
  return text;
}

/// Pages that stand beside a command's: those of its family.
std::string see_also(const CommandDeclaration& command) {
  std::vector<std::string> pages{"assemble"};
  const size_t blank = command.path.rfind(' ');
  if (blank != std::string::npos) pages.push_back(page_name(command.path.substr(0, blank)));
  for (const CommandDeclaration& child : command.commands) pages.push_back(page_name(child.path));
  std::string text = ".SH SEE ALSO\n";
  for (const std::string& page : pages) {
    text += concat(".BR ", escaped(page), " (1)", &page == &pages.back() ? "\n" : " ,\n");
  }
  return text;
}

}  // namespace

std::string page_name(const std::string& path) {
  return path.empty() ? "assemble" : "assemble-" + join(split(path, ' '), "-");
}

std::string to_roff(const CommandDeclaration& command) {
  std::string text = head(command.path, command.summary);
  text += concat(".SH SYNOPSIS\n.B ", escaped(command.usage()), "\n.SH DESCRIPTION\n");
  text += command.purpose.empty() ? line_of(command.summary + ".") : line_of(command.purpose);
  if (command.is_elsewhere) text += concat(".PP\nIt ", escaped(kElsewhere), ".\n");
  if (!command.commands.empty()) text += ".SH COMMANDS\n" + command_list(command.commands);
  std::string arguments, options;
  for (const std::string& group : command.groups()) {
    std::string of_group;
    for (const OptionDeclaration& option : command.options) {
      if (option.group != group) continue;
      (option.flags.empty() ? arguments : of_group) += option_entry(option);
    }
    if (of_group.empty()) continue;
    options += group.empty() ? of_group : concat(".SS ", quoted(group), "\n", of_group);
  }
  if (!arguments.empty()) text += ".SH ARGUMENTS\n" + arguments;
  text += ".SH OPTIONS\n" + options;
  for (const Example& example : command.examples) {
    text += &example == &command.examples.front() ? ".SH EXAMPLES\n" : ".PP\n";
    text += concat(line_of(example.what + ":"), ".PP\n.RS 4\n.nf\n", line_of(example.command), ".fi\n.RE\n");
  }
  return text + foot() + see_also(command);
}

std::string to_roff(const std::vector<CommandDeclaration>& commands) {
  std::string text = head("", "train, evaluate and deploy image classifiers");
  text += concat(".SH SYNOPSIS\n.B assemble\n.I COMMAND\n[OPTIONS]\n.SH DESCRIPTION\n", line_of(kProgramPurpose),
                 ".PP\n", line_of("Every command has its page, such as assemble-train(1)."), ".SH COMMANDS\n",
                 command_list(commands));
  const bool elsewhere = std::ranges::any_of(commands, [](const auto& command) { return command.is_elsewhere; });
  if (elsewhere) text += concat(".PP\n", line_of(concat("* ", kElsewhere, ".")));
  return text + foot();
}

}  // namespace assemble::cli
