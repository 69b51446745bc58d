// SPDX-License-Identifier: Apache-2.0
// A model's answers to labelled images: options and work that commands share which hold on to the single answers.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "assemble/eval/class_pairing.h"
#include "assemble/eval/classification.h"
#include "common/inference.h"

namespace assemble::cli {

struct EvaluationOptions {
  std::string data;
  Split split = Split::kValidation;
  InferenceOptions inference;
  RecordFiles files;
  PairingOptions pairing;
  LoaderOptions loader;

  /// Declares all but --data and the model.
  void declare(CLI::App& app);
  std::unique_ptr<Dataset> open() const { return open_dataset(data, split, rule_of(pairing), files); }
};

/// A model and how its outputs meet the classes of a data set.
struct PairedModel {
  LoadedModel loaded;
  ClassPairing pairing;

  /// Of the outputs that are measured. @param file the model's
  Outputs outputs(const std::string& file) const { return pairing.measured(outputs_of(loaded.card, file)); }
};

/// Opens options.inference.model. @param name what the log calls it; empty: nothing
PairedModel load_paired(const EvaluationOptions& options, const Dataset& dataset, const std::string& name = "");

/// Runs it over the data set, whose images it sees as its card says.
/// @param label what the progress says; `watch` sees each batch with its logits
ClassificationResult evaluate_paired(const EvaluationOptions& options, const Dataset& dataset, const PairedModel& model,
                                     const std::string& label, const EvaluationWatch& watch);

}  // namespace assemble::cli
