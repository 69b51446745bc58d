// SPDX-License-Identifier: Apache-2.0
// Completion scripts. They hold all there is to complete, so that a shell starts no program for it.
#pragma once

#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "common/declaration.h"

namespace assemble::cli {

enum class Shell { kBash, kZsh, kFish };
inline constexpr auto kShells =
    choices<Shell>("shell", {{Shell::kBash, "bash"}, {Shell::kZsh, "zsh"}, {Shell::kFish, "fish"}});

std::string completion_script(Shell shell, const std::vector<CommandDeclaration>& commands);

/// @name What the scripts have in common
/// @{
std::string bash_completion(const std::vector<CommandDeclaration>& commands);
std::string zsh_completion(const std::vector<CommandDeclaration>& commands);
std::string fish_completion(const std::vector<CommandDeclaration>& commands);

/// Commands and, each behind its own, those below them.
std::vector<const CommandDeclaration*> with_all_below(const std::vector<CommandDeclaration>& commands);
/// The last of the words that pick it.
std::string last_word(const CommandDeclaration& command);
/// The words of an option that can be typed as they are: all but placeholders such as "cuda:N".
std::vector<std::string> offered_words(const OptionDeclaration& option);
/// The begin of its description, in one line.
std::string short_description(const OptionDeclaration& option);
/// In single quotes, as each of the shells takes it.
std::string in_quotes(const std::string& text, const char* quote_within);
/// @}

}  // namespace assemble::cli
