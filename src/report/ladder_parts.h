// SPDX-License-Identifier: Apache-2.0
// Parts of a page about a ladder, as HTML.
#pragma once

#include <string>
#include <vector>

#include "assemble/report/report.h"

namespace assemble::report {

/// A bar chart a figure, a bar a rung.
std::string ladder_charts(const LadderPage& page);

std::string text_tables(const std::vector<TextTable>& tables);

}  // namespace assemble::report
