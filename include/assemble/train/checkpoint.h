// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/data/loader.h"
#include "assemble/models/classifier.h"
#include "assemble/train/optimizer.h"
#include "assemble/train/weight_average.h"

namespace assemble {

/// A model file kept for its score.
struct KeptModel {
  std::string file;  ///< name in the run folder
  double score = 0;
};

/// Everything of a run beside weights, momentum and averages. Random numbers are functions of seed and step, so no
/// generator state is needed.
struct TrainingState {
  int64_t step = 0;             ///< optimizer steps done
  double seconds = 0;           ///< spent so far
  std::vector<KeptModel> kept;  ///< best first
  std::string metric = "top1";  ///< that their scores are of
  LoaderState loader{};         ///< of the training images
  int64_t steps_per_epoch = 0;  ///< 0: not known, of an earlier version's checkpoint
  int64_t step_images = 0;      ///< that all processes together take a step; 0: not known
  int64_t processes = 1;
  uint64_t seed = 0;
  std::vector<std::string> class_names = {};
  double epoch_loss = 0;                                      ///< summed since the last evaluation
  int64_t skipped = 0;                                        ///< steps that were not finite
  int64_t evaluations_since_best = 0;                         ///< in a row
  int64_t epoch_steps = 0;                                    ///< that were summed
  std::map<std::string, std::string> record = {};             ///< ModelCard::training of the last evaluation
  std::vector<std::pair<std::string, double>> measures = {};  ///< its figures by name
};

/// The state as JSON text, with the average's count of updates, and back.
/// @param average may be null
/// @throws InputError for other text
std::string to_text(const TrainingState& state, const WeightAverage* average);
TrainingState state_from_text(const std::string& text, const std::string& where, WeightAverage* average);

/// A run at one point: what a checkpoint file holds.
struct Checkpoint {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  std::map<std::string, std::string> metadata;
};

/// A copy, which the run's next steps leave alone. @param average may be null
Checkpoint take_checkpoint(const ClassifierImpl& model, const Optimizer& optimizer, const WeightAverage* average,
                           const TrainingState& state);
/// Writes it atomically.
/// @throws RunError when it cannot be written, and when a value is not finite: what is there stays
void write_checkpoint(const fs::path& path, const Checkpoint& checkpoint);

/// Writes the training state atomically as one safetensors file ("model.…", "momentum.…", "average.…").
/// @param average may be null
/// @throws RunError when it cannot be written, and when a value is not finite: what is there stays
void save_checkpoint(const fs::path& path, const ClassifierImpl& model, const Optimizer& optimizer,
                     const WeightAverage* average, const TrainingState& state);

/// Reads it back into network, optimizer and average.
/// @throws InputError when the file is damaged or belongs to another network; UsageError when there is no average in it
///         and one is wanted
TrainingState load_checkpoint(const fs::path& path, ClassifierImpl& model, Optimizer& optimizer,
                              WeightAverage* average);

}  // namespace assemble
