// SPDX-License-Identifier: Apache-2.0
// Models' answers to labelled images: options and work of the commands that look at them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "assemble/eval/class_pairing.h"
#include "assemble/eval/classification.h"
#include "common/ensemble.h"

namespace assemble::cli {

struct EvaluationOptions {
  std::string data;
  Split split = Split::kValidation;
  int eval_size = 0;  ///< side of the crop; 0: the model's own
  InferenceOptions inference;
  RecordFiles files;
  PairingOptions pairing;
  LoaderOptions loader;

  /// Declares all but --data, the model and --eval-size.
  void declare(CLI::App& app);
  /// @param several images may have any number of classes
  std::unique_ptr<Dataset> open(bool several = false) const {
    return open_dataset(data, split, rule_of(pairing, several), files);
  }
};

/// Models whose probabilities are averaged, or one, and how their outputs meet the classes of a data set.
struct PairedModels {
  std::vector<EnsembleMember> members;  ///< of the outputs that are measured
  ModelCard card;                       ///< the first one's
  ClassPairing pairing;
};

/// @param name what the log calls them; empty: nothing
PairedModels load_paired(const EvaluationOptions& options, const EnsembleOptions& models, const Dataset& dataset,
                         const std::string& name = "");

/// Runs them over the data set, whose images each sees as its card says.
/// @param label what the progress says; `see` gets each batch with its logits
void run_paired(const EvaluationOptions& options, const Dataset& dataset, const PairedModels& models,
                const std::string& label, const EvaluationWatch& see);
/// The same, and measures them, with a warning where images of several classes are all taken for one.
ClassificationMeter evaluate_paired(const EvaluationOptions& options, const Dataset& dataset,
                                    const PairedModels& models, const std::string& label, const EvaluationWatch& watch);

}  // namespace assemble::cli
