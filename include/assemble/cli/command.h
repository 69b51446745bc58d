// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace assemble::cli {

/// One command of `assemble`. A declaration of an option in declare() is the truth for its flag, its key in a
/// --config file, its help and the configuration saved with a run.
class Command {
 public:
  virtual ~Command() = default;
  virtual std::string name() const = 0;
  virtual std::string summary() const = 0;
  /// Declares the options; `app` already has --json, --quiet and --config.
  virtual void declare(CLI::App& app) = 0;
  /// Does the work once options are parsed. @throws Error
  virtual void run() = 0;

  bool json = false;        ///< --json: the result, and nothing else, goes to stdout as JSON
  CLI::App* app = nullptr;  ///< the parsed options

 protected:
  /// Prints `result` as JSON when --json was given, else `text`.
  void print(const nlohmann::ordered_json& result, const std::string& text) const;
};

/// The options in effect, as --config reads them; options without a value are left out.
std::string effective_config(const CLI::App& app);

/// Parses `arguments` (without the program's name) and runs the command they name.
/// @return exit status
int run_command_line(const std::vector<std::unique_ptr<Command>>& commands, const std::vector<std::string>& arguments);

/// @name Commands, one file each
/// @{
std::unique_ptr<Command> make_benchmark_command();
std::unique_ptr<Command> make_convert_command();
std::unique_ptr<Command> make_corrupt_command();
std::unique_ptr<Command> make_dataset_command();
std::unique_ptr<Command> make_demo_command();
std::unique_ptr<Command> make_eval_command();
std::unique_ptr<Command> make_export_command();
std::unique_ptr<Command> make_forward_command();
std::unique_ptr<Command> make_model_command();
std::unique_ptr<Command> make_perturb_command();
std::unique_ptr<Command> make_predict_command();
std::unique_ptr<Command> make_preprocess_command();
std::unique_ptr<Command> make_robustness_command();
std::unique_ptr<Command> make_teach_command();
std::unique_ptr<Command> make_train_command();
/// @}

}  // namespace assemble::cli
