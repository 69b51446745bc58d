// SPDX-License-Identifier: Apache-2.0
// A network that a command trains, and what it measures of it: what `ablate` and `demo` share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/deploy/engine.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/io/toml.h"
#include "assemble/models/classifier.h"
#include "assemble/train/trainer.h"
#include "torch/train/train_options.h"

namespace assemble::cli {

struct TrainedNetwork {
  std::string name;
  fs::path run;  ///< its run folder
  ModelCost cost = {};
  TrainResult training = {};
  ModelCard card = {};
  std::shared_ptr<Engine> engine = {};  ///< of the deployed network
  double inference_rate = 0;            ///< images a second
  CorruptionResults corruptions = {};
  PerturbationResults perturbations = {};

  fs::path model() const { return run / "last.safetensors"; }
  std::string arch() const { return card.arch; }
  ClassificationResult measures() const { return training.last.classification.value_or(ClassificationResult{}); }
  MeasuredNetwork measured() const;
};

/// Images a pass of deployed networks.
inline constexpr int64_t kMeasuredBatch = 8;

/// `train` as the command line would have it. @param options a configuration of it, without --data and --out
/// @param file that they stand in, for errors
/// @throws UsageError for keys and values that it does not take
struct ConfiguredTraining {
  ConfiguredTraining(const std::vector<TomlEntry>& options, const std::string& file, const fs::path& data,
                     const fs::path& run);

  CLI::App app;
  TrainJob job;
};

/// Trains into `run` with options as a configuration of `train` has them; --data and --out are not among them.
/// @param file that the options stand in, for errors
/// @param resume go on from the run folder's checkpoint, where there is one; otherwise the run that it holds is removed
/// @throws UsageError for options that do not fit, RunError when it is interrupted
TrainResult train_network(const std::vector<TomlEntry>& options, const std::string& file, const fs::path& data,
                          const fs::path& run, bool resume);

/// Opens what was trained, with the weights after the last epoch, for the measures below.
/// @param onnx where to write the deployed network; empty: nowhere
void deploy(TrainedNetwork& network, const fs::path& onnx = {});

/// Sets the rates of deployed networks, which run in turns.
void measure_rates(const std::vector<TrainedNetwork*>& networks, double seconds);

/// What sequences are made of.
struct SequenceSource {
  const Dataset* dataset = nullptr;
  PerturbSetOptions options = {};
  int64_t limit = 0;  ///< sequences of each kind, spread evenly; 0: one of each image
};

/// Measures a deployed network's flips.
PerturbationResults measure_flips(const TrainedNetwork& network, const SequenceSource& source);

}  // namespace assemble::cli
