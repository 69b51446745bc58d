// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace assemble {

/// A page that shows results of `robustness c` and `robustness p` side by side: a table of the measures and how the
/// images were made, error and calibration by severity, and bars by corruption and by kind. One HTML file, charts as
/// inline SVG, without scripts and without anything from elsewhere. Results may be partial.
/// @throws InputError when a result is not what the commands write
std::string robustness_report(const std::vector<nlohmann::ordered_json>& results);

}  // namespace assemble
