// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/eval/explain.h"

namespace assemble::report {

/// A small bar a selective kernel, side by side: from below the weight of its first half, above it that of its second.
/// Nothing where there are none.
std::string half_bars(const std::vector<HalfWeight>& weights);

}  // namespace assemble::report
