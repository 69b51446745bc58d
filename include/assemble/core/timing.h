// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <vector>

namespace assemble {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start);

/// The value below which a share of the values lie, one of them: share 0.5 gives the median, the upper one of an even
/// count.
/// @param values at least one
/// @param share in [0, 1]
double percentile(std::vector<double> values, double share);

}  // namespace assemble
