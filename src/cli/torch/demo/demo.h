// SPDX-License-Identifier: Apache-2.0
// What `assemble demo` finds, and how it shows it.
#pragma once

#include <string>
#include <vector>

#include "torch/ablate/summary.h"
#include "torch/ablate/trained_network.h"

namespace assemble::cli {

struct DemoNetwork : TrainedNetwork {
  fs::path onnx = {};
  Trial whole = {};   ///< its figures
  Trials parts = {};  ///< the same of parts of the images, for standard errors
};

struct DemoResult {
  Ladder ladder;
  std::vector<DemoNetwork> networks = {};  ///< one a rung
  int64_t train_images = 0;
  const Dataset* validation = nullptr;
  CorruptionSource corrupted = {};  ///< what the networks' robustness was measured on
  int64_t sequences = 0;            ///< of each kind

  /// As `ablate` shows a ladder.
  LadderResult climbed() const;
};

/// The report as HTML.
std::string demo_report(const DemoResult& result);

}  // namespace assemble::cli
