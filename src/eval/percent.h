// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "assemble/core/text.h"

namespace assemble {

/// A share as the tables of `eval` show it: "12.34 %"; "-" where it is not defined (NaN).
inline std::string percent_or_dash(double share) {
  return std::isnan(share) ? "-" : format_number(100 * share, 2) + " %";
}

}  // namespace assemble
