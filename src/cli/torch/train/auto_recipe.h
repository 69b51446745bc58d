// SPDX-License-Identifier: Apache-2.0
// `--recipe auto`: network, size and techniques that suit a data set and the time there is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "assemble/deploy/model_file.h"

namespace assemble::cli {

/// What decides the recipe.
struct TrainingTask {
  int64_t images = 0;  ///< of training
  int side = 0;        ///< median of their short sides, pixels
  double minutes = 0;
  /// Images a second that training gets through on this machine, of a network at a side of its crops.
  std::function<double(const std::string& arch, int side)> images_per_second;
  std::string arch = {};                               ///< that is wanted; empty: to be chosen
  int train_size = 0;                                  ///< likewise; 0: to be chosen
  std::optional<ModelCard> pretrained = std::nullopt;  ///< of the model file to start from
};

/// An option of `train` and the reason for its value.
struct ChosenOption {
  std::string key;
  std::string value;  ///< as TOML has it
  std::string why;    ///< empty where it goes with the one before
};

/// As a configuration file has them.
std::string to_toml(const std::vector<ChosenOption>& options);

/// The most evaluations of a run whose schedule was chosen: fewer epochs are each followed by one.
inline constexpr int64_t kEvaluations = 20;

/// What images for which any number of classes may be right call for.
std::vector<ChosenOption> choose_for_several_labels();

/// Network, size and techniques.
std::vector<ChosenOption> choose_recipe(const TrainingTask& task);

/// The precision that saves a tenth of an epoch or more. @param f32, bf16 seconds of one
std::vector<ChosenOption> choose_precision(double f32, double bf16);

/// Epochs, and what goes by them. @param in_time epochs that there is time for
std::vector<ChosenOption> choose_schedule(const TrainingTask& task, int64_t in_time);

}  // namespace assemble::cli
