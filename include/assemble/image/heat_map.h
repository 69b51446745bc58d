// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "assemble/image/evaluation_view.h"
#include "assemble/image/image.h"

namespace assemble {

/// Values on a grid that lies over a part of an image, for people to look at.
struct HeatMap {
  int64_t height = 0, width = 0;
  std::vector<float> values;  ///< row by row, at least 0
  EvaluationView view;        ///< what the grid lies over, in pixels of the image
};

/// The image in pale colours with the map over it, interpolated between the grid's points: from the image alone where
/// it is 0, over purple and red, to bright yellow at its largest value. What lies outside the view is dark, behind a
/// frame. Relative to the largest value: two maps' colours say nothing about each other.
Image draw_heat_map(const Image& image, const HeatMap& map);

}  // namespace assemble
