// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/core/terminal.h"
#include "common/declaration.h"

namespace assemble::cli {

/// What `assemble COMMAND --help` shows: as wide as the terminal, coloured where it can be.
std::string help_text(const CommandDeclaration& command, const Terminal& terminal);

/// What `assemble --help` shows.
std::string overview_text(const std::vector<std::unique_ptr<Subcommand>>& commands, const Terminal& terminal);

/// What it begins with.
inline constexpr const char* kProgramPurpose =
    "Assemble: train, fine-tune, evaluate and deploy image classifiers put together from proven techniques.";

/// Of commands that another program has.
inline constexpr const char* kElsewhere =
    "needs LibTorch: the program assemble-torch does it, which is started for that";

}  // namespace assemble::cli
