// SPDX-License-Identifier: Apache-2.0
#include "common/commands.h"

#include "assemble/core/choice.h"
#include "common/hooks.h"
#include "common/torch_commands.h"
#include "help/help_commands.h"

namespace assemble::cli {
namespace {

class CommandElsewhere : public Subcommand {
 public:
  using Subcommand::Subcommand;
  bool is_elsewhere() const override { return true; }
  void run() override {}
};

}  // namespace

std::unique_ptr<Subcommand> make_command_elsewhere(const std::string& name) {
  return std::make_unique<CommandElsewhere>(
      name, kTorchCommands[find_choice("command", name, names_of(kTorchCommands))].summary);
}

std::vector<std::unique_ptr<Subcommand>> all_commands(
    const Hooks& hooks, const std::function<std::unique_ptr<Subcommand>(const std::string& name)>& torch_command) {
  std::vector<std::unique_ptr<Subcommand>> commands;
  commands.push_back(torch_command("demo"));
  commands.push_back(make_dataset_command(hooks));
  commands.push_back(torch_command("train"));
  commands.push_back(torch_command("ablate"));
  commands.push_back(make_recipe_command(hooks));
  commands.push_back(make_eval_command(hooks));
  commands.push_back(make_compare_command());
  commands.push_back(make_calibrate_command());
  commands.push_back(make_predict_command());
  commands.push_back(make_explain_command());
  commands.push_back(make_embed_command(hooks));
  commands.push_back(make_preprocess_command());
  commands.push_back(make_model_inspect_command());
  commands.push_back(torch_command("model"));
  commands.push_back(torch_command("convert"));
  commands.push_back(torch_command("soup"));
  commands.push_back(torch_command("forward"));
  commands.push_back(make_export_command());
  commands.push_back(make_teach_command(hooks));
  commands.push_back(make_corrupt_command());
  commands.push_back(make_benchmark_command());
  commands.push_back(make_perturb_command());
  commands.push_back(make_robustness_command(hooks));
  const MakeCommands make = [hooks, torch_command] { return all_commands(hooks, torch_command); };
  commands.push_back(make_completion_command(make));
  commands.push_back(make_manual_command(make));
  return commands;
}

}  // namespace assemble::cli
