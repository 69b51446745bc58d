// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "assemble/core/text.h"
#include "help/completion.h"

namespace assemble::cli {
namespace {

constexpr const char* kBashHead =
    R"sh(# Completion of assemble's command line in bash, made by `assemble completion bash`.

# _assemble_paths KIND [ENDING...]: files and folders that begin like the current word
_assemble_paths() {
  local begin=$current kind=$1 ending
  shift
  case $begin in \"* | \'*) begin=${begin:1} ;; *) begin=${begin//\\/} ;; esac
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$begin")
  [ "$kind" != folder ] || return 0
  [ $# -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$begin")
  for ending; do
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -X "!*.$ending" -- "$begin")
  done
}

_assemble_words() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$current"); }

_assemble() {
  COMPREPLY=()
  local current=${COMP_WORDS[COMP_CWORD]} command='' option='' commands='' flags='' one='' several='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command|${COMP_WORDS[i]}" in
)sh";

constexpr const char* kBashOption = R"sh(  esac
  # The option whose value this is. A word with "=" in it is three words here.
  if [[ $current == = ]]; then
    option=${COMP_WORDS[COMP_CWORD - 1]} current=''
  elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]}
  else
    for ((i = COMP_CWORD - 1; i > 0; i--)); do
      word=${COMP_WORDS[i]}
      [[ $word == --* || $word == -[a-z] ]] || continue
      if [[ " $several " == *" $word "* ]] || { [[ " $one " == *" $word "* ]] && ((i == COMP_CWORD - 1)); }; then
        option=$word
      fi
      break
    done
  fi
  if [[ $current == -* && " $one " != *" ${option:-none} "* ]]; then
    _assemble_words "$flags"
    return
  fi
  case "$command|$option" in
)sh";

constexpr const char* kBashFoot = R"sh(    *'|') _assemble_words "${commands:-$flags}" ;;
  esac
}

complete -F _assemble assemble assemble-torch
)sh";

std::string quoted_list(const std::vector<std::string>& words) { return in_quotes(join(words, " "), "'\\''"); }

std::string bash_action(const OptionDeclaration& option) {
  if (!option.words.empty()) return "_assemble_words " + quoted_list(offered_words(option));
  if (option.path == PathKind::kNone) return "";
  return concat("_assemble_paths ", option.path == PathKind::kFolder ? "folder" : "any",
                option.endings.empty() ? "" : " ", join(option.endings, " "));
}

/// What a command has: the words that follow it, its flags, and which of them take one or several values.
std::string bash_entry(const CommandDeclaration& command) {
  std::vector<std::string> commands, flags, one, several;
  for (const CommandDeclaration& child : command.commands) commands.push_back(last_word(child));
  for (const OptionDeclaration& option : command.options) {
    flags.insert(flags.end(), option.flags.begin(), option.flags.end());
    if (!option.takes_value()) continue;
    std::vector<std::string>& taking = option.repeats ? several : one;
    taking.insert(taking.end(), option.flags.begin(), option.flags.end());
  }
  return concat("    ", in_quotes(command.path, ""), ") commands=", quoted_list(commands),
                " flags=", quoted_list(flags), " one=", quoted_list(one), " several=", quoted_list(several), " ;;\n");
}

std::string bash_values(const CommandDeclaration& command) {
  std::string lines;
  for (const OptionDeclaration& option : command.options) {
    const std::string action = bash_action(option);
    if (action.empty()) continue;
    std::vector<std::string> patterns;
    for (const std::string& flag : option.flags) patterns.push_back(concat("'", command.path, "|", flag, "'"));
    if (!option.position.empty()) patterns.push_back(concat("'", command.path, "|'"));
    lines += concat("    ", join(patterns, " | "), ") ", action, " ;;\n");
  }
  return lines;
}

}  // namespace

std::string bash_completion(const std::vector<CommandDeclaration>& commands) {
  std::string steps, entries, values;
  std::vector<std::string> names;
  for (const CommandDeclaration* command : with_all_below(commands)) {
    const size_t blank = command->path.rfind(' ');
    const std::string above = blank == std::string::npos ? "" : command->path.substr(0, blank);
    if (above.empty()) names.push_back(command->path);
    steps += concat("      '", above, "|", last_word(*command), "') command='", command->path, "' ;;\n");
    entries += bash_entry(*command);
    values += bash_values(*command);
  }
  return concat(kBashHead, steps, "    esac\n  done\n  case $command in\n    '') commands=", quoted_list(names),
                " flags='--help --version' ;;\n", entries, kBashOption, values, kBashFoot);
}

}  // namespace assemble::cli
