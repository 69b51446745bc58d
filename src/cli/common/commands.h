// SPDX-License-Identifier: Apache-2.0
// The commands, one file each. Those of LibTorch are in torch/commands.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/subcommand.h"

namespace assemble::cli {

struct Hooks;

/// Every command in the order of the help.
/// @param torch_command gives that of kTorchCommands with a name
std::vector<std::unique_ptr<Subcommand>> all_commands(
    const Hooks& hooks, const std::function<std::unique_ptr<Subcommand>(const std::string& name)>& torch_command);

/// One of kTorchCommands where another program has it.
std::unique_ptr<Subcommand> make_command_elsewhere(const std::string& name);

std::unique_ptr<Subcommand> make_benchmark_command();
std::unique_ptr<Subcommand> make_calibrate_command();
std::unique_ptr<Subcommand> make_compare_command();
std::unique_ptr<Subcommand> make_corrupt_command();
std::unique_ptr<Subcommand> make_dataset_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_embed_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_eval_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_explain_command();
std::unique_ptr<Subcommand> make_export_command();
std::unique_ptr<Subcommand> make_model_inspect_command();
std::unique_ptr<Subcommand> make_perturb_command();
std::unique_ptr<Subcommand> make_predict_command();
std::unique_ptr<Subcommand> make_preprocess_command();
std::unique_ptr<Subcommand> make_recipe_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_robustness_command(const Hooks& hooks);
std::unique_ptr<Subcommand> make_teach_command(const Hooks& hooks);

}  // namespace assemble::cli
