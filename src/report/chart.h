// SPDX-License-Identifier: Apache-2.0
// Charts as inline SVG. Their colours are those of page.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "assemble/eval/calibration.h"

namespace assemble::report {

/// Values of one network; a missing one leaves a gap.
struct Series {
  std::string name;
  std::vector<std::optional<double>> values;
  std::vector<std::optional<double>> reaches = {};  ///< how far an interval goes to both sides of each; empty: none
};

struct Chart {
  std::string title;
  std::string unit;                 ///< of the values, shown at the axis
  std::vector<std::string> labels;  ///< one a value of every series
  std::vector<Series> series;
  std::string across = {};  ///< what the labels are, shown below them
};

/// A line a series. Labels that would overlap are left out.
std::string line_chart(const Chart& chart);
/// Horizontal bars, a group a label.
std::string bar_chart(const Chart& chart);
/// A bar a bin of confidence, as high as the share of its predictions that were right; a line from there to the mean
/// confidence, where a calibrated network's bars end; below, how many predictions each bin holds.
/// @param series whose colour it has
std::string reliability_diagram(const std::string& title, const std::vector<CalibrationMeter::Bin>& bins,
                                size_t series);
/// Names and colours of the series.
std::string legend(const std::vector<std::string>& names);

}  // namespace assemble::report
