// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"
#include "help/completion.h"
#include "help/manual.h"

namespace assemble::cli {
namespace {

/// Inside single quotes, where _arguments and _describe take colons and brackets for their own.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'') {
      result += "'\\''";
      continue;
    }
    if (c == ':' || c == '[' || c == ']' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string function_name(const CommandDeclaration& command) { return "_" + page_name(command.path); }

std::string zsh_action(const OptionDeclaration& option) {
  if (!option.words.empty()) return "(" + join(offered_words(option), " ") + ")";
  if (option.path == PathKind::kNone) return " ";
  if (option.path == PathKind::kFolder) return "_files -/";
  if (option.endings.empty()) return "_files";
  // A single word in brackets would be a qualifier.
  const std::string endings = join(option.endings, "|");
  return concat("_files -g \"*.", option.endings.size() > 1 ? "(" + endings + ")" : endings, "\"");
}

/// The specifications of an option for _arguments, one for each of its names.
std::vector<std::string> zsh_specs(const OptionDeclaration& option) {
  std::vector<std::string> specs;
  const std::string value = concat(":", option.repeats ? "*-*:" : "", zsh_text(option.value), ":", zsh_action(option));
  for (const std::string& flag : option.flags) {
    const std::string others = option.flags.size() > 1 ? "(" + join(option.flags, " ") + ")" : "";
    const char* sign = !option.takes_value() || option.repeats || !flag.starts_with("--") ? "" : "=";
    specs.push_back(concat("'", others, flag, sign, "[", zsh_text(short_description(option)), "]",
                           option.takes_value() ? value : "", "'"));
  }
  if (!option.position.empty()) {
    specs.push_back(
        concat("'", option.repeats ? "*" : "", ":", zsh_text(option.position), ":", zsh_action(option), "'"));
  }
  return specs;
}

/// Offers the commands below one, and goes on with the one that was picked.
std::string zsh_below(const std::vector<CommandDeclaration>& commands) {
  std::string offered, picked;
  for (const CommandDeclaration& command : commands) {
    offered += concat("        '", last_word(command), ":", zsh_text(command.summary), "'\n");
    picked += concat("        ", last_word(command), ") ", function_name(command), " ;;\n");
  }
  return concat("  case $state in\n    command)\n      local -a commands=(\n", offered,
                "      )\n      _describe command commands\n      ;;\n    rest)\n      case $line[1] in\n", picked,
                "      esac\n      ;;\n  esac\n");
}

std::string zsh_function(const std::string& name, const std::vector<std::string>& specs,
                         const std::vector<CommandDeclaration>& below) {
  std::string text = concat(name, "() {\n");
  if (!below.empty()) text += "  local context state state_descr line\n  typeset -A opt_args\n";
  text += below.empty() ? "  _arguments" : "  _arguments -C";
  for (const std::string& spec : specs) text += " \\\n    " + spec;
  if (!below.empty()) text += " \\\n    '1: :->command' '*:: :->rest'";
  return text + "\n" + (below.empty() ? "" : zsh_below(below)) + "}\n\n";
}

}  // namespace

std::string zsh_completion(const std::vector<CommandDeclaration>& commands) {
  std::string text =
      "#compdef assemble assemble-torch\n"
      "# Completion of assemble's command line in zsh, made by `assemble completion zsh`.\n\n";
  for (const CommandDeclaration* command : with_all_below(commands)) {
    std::vector<std::string> specs;
    for (const OptionDeclaration& option : command->options) {
      const std::vector<std::string> of_option = zsh_specs(option);
      specs.insert(specs.end(), of_option.begin(), of_option.end());
    }
    text += zsh_function(function_name(*command), specs, command->commands);
  }
  text += zsh_function("_assemble", {"'--help[List the commands]'", "'--version[Say the version]'"}, commands);
  // As a file of $fpath it is the function's body; sourced, it declares it.
  return text +
         "if [[ $funcstack[1] == _assemble ]]; then\n  _assemble \"$@\"\nelse\n"
         "  compdef _assemble assemble assemble-torch\nfi\n";
}

}  // namespace assemble::cli
