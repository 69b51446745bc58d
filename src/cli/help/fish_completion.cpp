// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"
#include "help/completion.h"

namespace assemble::cli {
namespace {

constexpr const char* kFishHead =
    R"sh(# Completion of assemble's command line in fish, made by `assemble completion fish`.

# The words that pick the command of the line.
function __assemble_command
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$path $word")
        if contains -- $next $__assemble_commands
            set path $next
        end
    end
    echo $path
end

function __assemble_is
    test "$(__assemble_command)" = "$argv[1]"
end

# Whether the last flag before the word is this one: it takes several values.
function __assemble_follows
    set -l flags (string match -- '-*' (commandline -opc))
    test "$flags[-1]" = "$argv[1]"
end

# Folders, and files that end in one of the words.
function __assemble_files
    set -l begin (commandline -ct | string replace -r '^--[^=]*=' '')
    __fish_complete_directories $begin ''
    for file in (complete -C "'' $begin" | string split -f 1 \t)
        for ending in $argv
            string match -q -- "*.$ending" $file; and echo $file
        end
    end
end

complete -c assemble -f
complete -c assemble-torch -w assemble
)sh";

std::string fish_quoted(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return in_quotes(escaped, "\\'");
}

std::string fish_line(const std::string& path, const std::string& rest, const std::string& description) {
  const std::string condition = fish_quoted(concat("__assemble_is \"", path, "\""));
  return concat("complete -c assemble -n ", condition, rest, " -d ", fish_quoted(description), "\n");
}

/// What stands for its value: words, files or anything.
std::string fish_value(const OptionDeclaration& option) {
  if (!option.words.empty()) return " -x -a " + fish_quoted(join(offered_words(option), " "));
  if (option.path == PathKind::kNone) return " -x";
  if (option.path == PathKind::kFolder) return " -x -a '(__fish_complete_directories)'";
  if (option.endings.empty()) return " -r -F";
  return concat(" -x -a ", fish_quoted(concat("(__assemble_files ", join(option.endings, " "), ")")));
}

/// The same for what is given by position, which has no flag that would take it.
std::string fish_position(const OptionDeclaration& option) {
  const std::string value = fish_value(option);
  const size_t words = value.find(" -a ");
  return words != std::string::npos ? value.substr(words) : option.path == PathKind::kNone ? "" : " -F";
}

std::string fish_option(const std::string& path, const OptionDeclaration& option) {
  std::string names;
  for (const std::string& flag : option.flags) {
    names += flag.starts_with("--") ? " -l " + flag.substr(2) : " -s " + flag.substr(1);
  }
  std::string lines;
  if (!names.empty()) {
    lines += fish_line(path, names + (option.takes_value() ? fish_value(option) : ""), short_description(option));
  }
  if (option.repeats && !option.flags.empty() && !option.words.empty()) {
    lines += concat("complete -c assemble -n ",
                    fish_quoted(concat("__assemble_is \"", path, "\"; and __assemble_follows ", option.flags.back())),
                    " -a ", fish_quoted(join(offered_words(option), " ")), "\n");
  }
  const std::string position = option.position.empty() ? "" : fish_position(option);
  return position.empty() ? lines : lines + fish_line(path, position, option.position);
}

}  // namespace

std::string fish_completion(const std::vector<CommandDeclaration>& commands) {
  std::string lines, paths;
  const auto offer = [&](const std::string& above, const CommandDeclaration& command) {
    lines += fish_line(above, " -a " + last_word(command), command.summary);
  };
  for (const CommandDeclaration& command : commands) offer("", command);
  for (const CommandDeclaration* command : with_all_below(commands)) {
    paths += " " + fish_quoted(command->path);
    for (const CommandDeclaration& child : command->commands) offer(command->path, child);
    for (const OptionDeclaration& option : command->options) lines += fish_option(command->path, option);
  }
  lines += fish_line("", " -l help", "List the commands") + fish_line("", " -l version", "Say the version");
  return concat(kFishHead, "set -g __assemble_commands", paths, "\n", lines);
}

}  // namespace assemble::cli
