// SPDX-License-Identifier: Apache-2.0
// What the trials of a ladder say together.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "torch/ablate/ladder.h"
#include "torch/ablate/trial.h"

namespace assemble::cli {

struct LadderResult {
  Ladder ladder;
  std::vector<Trials> trials;  ///< one a rung
  std::string data;            ///< what they were trained on, and how much of it
  std::string measured_on;     ///< what corruptions and sequences were made of
};

/// Means with standard errors, a rung a row, and the changes that hold against the rung before.
std::string ladder_text(const LadderResult& result);
nlohmann::ordered_json ladder_json(const LadderResult& result);
/// A trial a row.
std::string ladder_csv(const LadderResult& result);
std::string ladder_html(const LadderResult& result);

}  // namespace assemble::cli
