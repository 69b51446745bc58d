// SPDX-License-Identifier: Apache-2.0
// What the trials of a ladder say together.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "assemble/report/report.h"
#include "torch/ablate/ladder.h"
#include "torch/ablate/trial.h"

namespace assemble::cli {

struct LadderResult {
  Ladder ladder;
  std::vector<Trials> trials;  ///< one a rung
  /// One a rung, where its trials are figures of one run on parts of the images, which say how far these are known.
  std::vector<Trial> whole = {};
  std::string data;         ///< what they were trained on, and how much of it
  std::string measured_on;  ///< what corruptions and sequences were made of
};

/// Means with standard errors, a rung a row, and the changes that hold against the rung before.
std::string ladder_text(const LadderResult& result);
nlohmann::ordered_json ladder_json(const LadderResult& result);
/// A trial a row.
std::string ladder_csv(const LadderResult& result);
/// For a report.
LadderPage ladder_page(const LadderResult& result);

}  // namespace assemble::cli
