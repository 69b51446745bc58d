// SPDX-License-Identifier: Apache-2.0
// What `assemble dataset` does, picked by its second word.
#pragma once

#include "common/hooks.h"
#include "common/subcommand.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_build_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_check_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_inspect_command();
std::unique_ptr<Subcommand> make_split_command();
std::unique_ptr<Subcommand> make_draw_command();

}  // namespace assemble::cli
