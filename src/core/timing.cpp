// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/timing.h"

#include <algorithm>
#include <cmath>

namespace assemble {

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double percentile(std::vector<double> values, double share) {
  const auto index = static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)));
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace assemble
