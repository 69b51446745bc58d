// SPDX-License-Identifier: Apache-2.0
#include "help/completion.h"

#include "assemble/core/terminal.h"
#include "assemble/core/text.h"

namespace assemble::cli {

std::string completion_script(Shell shell, const std::vector<CommandDeclaration>& commands) {
  switch (shell) {
    case Shell::kBash:
      return bash_completion(commands);
    case Shell::kZsh:
      return zsh_completion(commands);
    case Shell::kFish:
      break;
  }
  return fish_completion(commands);
}

std::vector<const CommandDeclaration*> with_all_below(const std::vector<CommandDeclaration>& commands) {
  std::vector<const CommandDeclaration*> all;
  for (const CommandDeclaration& command : commands) {
    all.push_back(&command);
    const std::vector<const CommandDeclaration*> below = with_all_below(command.commands);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

std::string last_word(const CommandDeclaration& command) { return command.path.substr(command.path.rfind(' ') + 1); }

std::vector<std::string> offered_words(const OptionDeclaration& option) {
  std::vector<std::string> words;
  for (const std::string& word : option.words) {
    if (word.find(':') == std::string::npos) words.push_back(word);
  }
  return words;
}

std::string short_description(const OptionDeclaration& option) {
  constexpr size_t kColumns = 70;
  return cut_to_width(option.description.substr(0, option.description.find('\n')), kColumns);
}

std::string in_quotes(const std::string& text, const char* quote_within) {
  return "'" + join(split(text, '\''), quote_within) + "'";
}

}  // namespace assemble::cli
