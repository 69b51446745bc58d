// SPDX-License-Identifier: Apache-2.0
// What `assemble-torch` has beside `assemble`.
#pragma once

#include <memory>
#include <string>

#include "common/subcommand.h"

namespace assemble::cli {

struct Hooks;

/// The command of kTorchCommands with this name.
std::unique_ptr<Subcommand> make_torch_command(const std::string& name);
/// All of them, by LibTorch.
Hooks torch_hooks();

std::unique_ptr<Subcommand> make_ablate_command();
std::unique_ptr<Subcommand> make_convert_command();
std::unique_ptr<Subcommand> make_demo_command();
std::unique_ptr<Subcommand> make_forward_command();
std::unique_ptr<Subcommand> make_model_command();
std::unique_ptr<Subcommand> make_soup_command();
std::unique_ptr<Subcommand> make_train_command();

}  // namespace assemble::cli
