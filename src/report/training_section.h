// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/report/report.h"

namespace assemble::report {

/// Curves of a training and its tables; nothing where there are no points.
/// @param score what TrainingPoint::score is: "Top-1 accuracy"
std::string training_section(const std::vector<TrainingPoint>& points, const std::string& score,
                             const std::vector<TextTable>& tables);

}  // namespace assemble::report
