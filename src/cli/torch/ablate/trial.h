// SPDX-License-Identifier: Apache-2.0
// One training run of a ladder, and the figures of many.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "assemble/eval/statistics.h"
#include "assemble/train/run_folder.h"
#include "torch/ablate/trained_network.h"

namespace assemble::cli {

/// What a run came to. Written as JSON when it is finished.
struct Trial {
  uint64_t seed = 0;
  int64_t epochs = 0;
  std::string arch;
  double top1 = 0, top5 = 0, ece = 0;  ///< of the last epoch's weights; in [0, 1]
  double seconds = 0;                  ///< of training, evaluation included
  double training_rate = 0;            ///< images a second
  double inference_rate = 0;           ///< images a second, batches of kMeasuredBatch
  double peak_memory_mib = 0;          ///< of training
  ModelCost cost = {};
  CorruptionResults corruptions = {};
  PerturbationResults perturbations = {};

  /// Of a network that was measured and the log of its run, all of its resumes together.
  /// @throws RunError when the run evaluated no classification
  static Trial of(const TrainedNetwork& network, uint64_t seed);
  nlohmann::ordered_json to_json() const;
  /// @throws InputError naming `where` when it is not what to_json() gives
  static Trial from_json(const nlohmann::ordered_json& json, const std::string& where);
};

/// The trials of one rung, a seed each, in the same order for every rung.
using Trials = std::vector<Trial>;

/// What errors and flips are divided by: means over a rung's trials.
struct LadderBaseline {
  CorruptionBaseline corruptions;
  PerturbationBaseline perturbations;

  static LadderBaseline of(const Trials& trials, const std::string& rung);
};

/// A figure of a trial, as the table, the CSV and the report show it.
struct Measure {
  const char* key;    ///< in JSON and CSV
  const char* title;  ///< for people, with its unit
  int decimals;
  bool is_main;    ///< one of those that tables for the terminal and charts show
  bool of_images;  ///< and not of the run alone, as its time is
  std::optional<double> (*of)(const Trial& trial, const LadderBaseline& baseline);
};

/// In the order of the columns. Accuracies, errors and flips are in percent.
const std::vector<Measure>& measures();

/// Of a rung's trials; nothing unless all of them have the figure.
std::optional<std::vector<double>> values_of(const Measure& measure, const Trials& trials,
                                             const LadderBaseline& baseline);

}  // namespace assemble::cli
