// SPDX-License-Identifier: Apache-2.0
// What `assemble demo` finds, and how it shows it.
#pragma once

#include <string>
#include <vector>

#include "torch/ablate/trained_network.h"

namespace assemble::cli {

struct DemoNetwork : TrainedNetwork {
  fs::path onnx = {};
  CorruptionScores corruption_scores = {};      ///< relative to the first network
  PerturbationScores perturbation_scores = {};  ///< relative to the first network
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
