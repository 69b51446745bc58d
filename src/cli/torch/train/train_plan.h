// SPDX-License-Identifier: Apache-2.0
// What `train` decides by itself: the recipe (`--recipe auto`), the learning rate (`--find-lr`) and the epochs that fit
// a time (`--minutes`).
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "torch/train/auto_recipe.h"
#include "torch/train/find_lr.h"
#include "torch/train/train_options.h"

namespace assemble::cli {

class TrainPlan {
 public:
  void declare(CLI::App& app);
  /// Sets the options that the plan decides and nothing else has set. A run that goes on takes those of its
  /// config.toml.
  /// @param job whose options `app` holds, parsed
  /// @throws UsageError for options that contradict a plan, and where several processes train
  void make(CLI::App& app, const TrainJob& job, bool several_processes);
  /// Whether the run is to be described, and not to begin.
  bool is_dry() const { return dry_; }
  /// What the run would be.
  struct Description {
    nlohmann::ordered_json json;
    std::string text;
  };
  /// @throws UsageError for options that do not fit
  Description describe(const CLI::App& app, const TrainJob& job) const;

 private:
  void choose(CLI::App& app, const TrainJob& job);
  void take(CLI::App& app, const std::vector<ChosenOption>& options);
  void find_rate(CLI::App& app, const TrainJob& job);
  /// Seconds that an epoch takes, in the precision that suits the machine where the plan chooses by itself.
  double time_epoch(CLI::App& app, const TrainJob& job, bool by_itself);
  void fit_epochs(CLI::App& app, const TrainJob& job, bool by_itself);

  double minutes_ = 0;
  bool dry_ = false;
  bool finds_rate_ = false;
  std::optional<LearningRateTest> rate_test_;
  TrainingTask task_;
  std::optional<double> seconds_an_epoch_;  ///< as measured
  std::vector<ChosenOption> chosen_;
};

}  // namespace assemble::cli
