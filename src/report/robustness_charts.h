// SPDX-License-Identifier: Apache-2.0
// Charts of robustness, the same in every report. Arguments hold one value a network.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "chart.h"

namespace assemble::report {

using Names = std::vector<std::string>;

/// Means over the corruptions measured, by severity.
Chart error_by_severity(const Names& networks, const std::vector<CorruptionResults>& measured);
Chart ece_by_severity(const Names& networks, const std::vector<CorruptionResults>& measured);
/// Means over severities, by corruption.
Chart error_by_corruption(const Names& networks, const std::vector<CorruptionResults>& measured);
Chart flips_by_kind(const Names& networks, const std::vector<PerturbationResults>& measured);
Chart top5_distance_by_kind(const Names& networks, const std::vector<PerturbationResults>& measured);

/// A group of bars for each of `groups` that a network has a value of.
Chart grouped_bars(const std::string& title, const std::string& unit, const Names& groups, const Names& networks,
                   const std::function<std::optional<double>(size_t network, const std::string& group)>& value_of);

}  // namespace assemble::report
