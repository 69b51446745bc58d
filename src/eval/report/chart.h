// SPDX-License-Identifier: Apache-2.0
// Charts as inline SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace assemble::report {

/// Text as it may stand in HTML and in attributes.
std::string escape(const std::string& text);

/// Values of one network; a missing one leaves a gap.
struct Series {
  std::string name;
  std::vector<std::optional<double>> values;
};

struct Chart {
  std::string title;
  std::string unit;                 ///< of the values, shown at the axis
  std::vector<std::string> labels;  ///< one a value of every series
  std::vector<Series> series;
};

/// A line a series.
std::string line_chart(const Chart& chart);
/// Horizontal bars, a group a label.
std::string bar_chart(const Chart& chart);
/// Names and colours of the series.
std::string legend(const std::vector<std::string>& names);

}  // namespace assemble::report
