// SPDX-License-Identifier: Apache-2.0
// What `assemble demo` finds, and how it shows it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/deploy/engine.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/train/run_folder.h"
#include "assemble/train/trainer.h"

namespace assemble::cli {

struct DemoNetwork {
  std::string name;
  fs::path run;  ///< its run folder
  ModelCost cost = {};
  TrainResult training = {};
  ModelCard card = {};
  fs::path onnx = {};
  std::shared_ptr<Engine> engine = {};  ///< runs what `onnx` holds
  double inference_rate = 0;            ///< images a second
  CorruptionResults corruptions = {};
  PerturbationResults perturbations = {};
  CorruptionScores corruption_scores = {};      ///< relative to the first network
  PerturbationScores perturbation_scores = {};  ///< relative to the first network

  fs::path model() const { return run / "last.safetensors"; }
  std::string arch() const { return card.arch; }
  ClassificationResult measures() const { return training.last.classification.value_or(ClassificationResult{}); }
  MeasuredNetwork measured() const;
};

struct DemoResult {
  std::vector<DemoNetwork> networks;
  int64_t epochs = 0;
  int64_t train_images = 0;
  const Dataset* validation = nullptr;
  CorruptionSource corrupted;  ///< what the networks' robustness was measured on
};

/// A row a figure, a column a network, for the terminal and for the report.
std::vector<std::vector<std::string>> demo_figures(const DemoResult& result);

/// The report as HTML.
std::string demo_report(const DemoResult& result);

}  // namespace assemble::cli
