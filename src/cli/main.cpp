// SPDX-License-Identifier: Apache-2.0
#include "assemble/cli/command.h"

int main(int argc, char** argv) {
  std::vector<std::unique_ptr<assemble::cli::Command>> commands;
  commands.push_back(assemble::cli::make_demo_command());
  commands.push_back(assemble::cli::make_dataset_command());
  commands.push_back(assemble::cli::make_train_command());
  commands.push_back(assemble::cli::make_eval_command());
  commands.push_back(assemble::cli::make_predict_command());
  commands.push_back(assemble::cli::make_preprocess_command());
  commands.push_back(assemble::cli::make_model_command());
  commands.push_back(assemble::cli::make_convert_command());
  commands.push_back(assemble::cli::make_forward_command());
  commands.push_back(assemble::cli::make_export_command());
  commands.push_back(assemble::cli::make_teach_command());
  commands.push_back(assemble::cli::make_corrupt_command());
  commands.push_back(assemble::cli::make_benchmark_command());
  commands.push_back(assemble::cli::make_perturb_command());
  commands.push_back(assemble::cli::make_robustness_command());
  return assemble::cli::run_command_line(commands, {argv + 1, argv + argc});
}
