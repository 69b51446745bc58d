// SPDX-License-Identifier: Apache-2.0
// Manual pages: for `man` (roff), and as Markdown for the site.
#pragma once

#include <string>
#include <vector>

#include "common/declaration.h"

namespace assemble::cli {

/// The page of one command.
std::string to_roff(const CommandDeclaration& command);
/// The page of the program, which lists all commands.
std::string to_roff(const std::vector<CommandDeclaration>& commands);

std::string to_markdown(const CommandDeclaration& command);
std::string to_markdown(const std::vector<CommandDeclaration>& commands);

/// "assemble-dataset-check" of "dataset check", "assemble" of "": man's name of a page.
std::string page_name(const std::string& path);

/// What a status of the program means.
struct ExitStatus {
  int status;
  const char* meaning;
};
inline constexpr ExitStatus kExitStatuses[] = {
    {0, "The work is done."},
    {2, "The command line or a configuration is wrong."},
    {3, "A file, an image or a model cannot be used."},
    {4, "The work itself failed: disk full, divergence, unwritable output."},
    {75, "A scheduler's signal stopped the run, and `--resume` goes on with it."}};

/// What a variable of the environment does.
struct Variable {
  const char* name;
  const char* meaning;
};
inline constexpr Variable kVariables[] = {
    {"ASSEMBLE_EXEC_PATH", "Folder of assemble-torch, which is looked for there first."},
    {"COLUMNS", "Columns that help and progress fill, in place of the terminal's own number."},
    {"NO_COLOR", "When it is not empty, the help has no colours, even on a terminal."},
    {"XDG_CACHE_HOME", "Folder in which compiled models are kept, in `assemble/`; `~/.cache` without it."}};

}  // namespace assemble::cli
