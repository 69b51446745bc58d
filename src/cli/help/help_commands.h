// SPDX-License-Identifier: Apache-2.0
// The commands that tell of the others.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/declaration.h"

namespace assemble::cli {

/// Makes the program's commands, each time anew.
using MakeCommands = std::function<std::vector<std::unique_ptr<Subcommand>>()>;

std::unique_ptr<Subcommand> make_completion_command(MakeCommands make_commands);
std::unique_ptr<Subcommand> make_manual_command(MakeCommands make_commands);

/// What the program's commands declare. Of those that another program has, names alone are known here.
/// @throws NeedsTorch where that program is there: it knows all
std::vector<CommandDeclaration> declarations_here(const MakeCommands& make_commands);

}  // namespace assemble::cli
