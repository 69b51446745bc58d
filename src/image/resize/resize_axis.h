// SPDX-License-Identifier: Apache-2.0
// The resize in two parts: where each target index reads along one axis, and the work itself.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "assemble/image/image.h"

namespace assemble {

/// Two source indices and the share of the second.
struct AxisPoint {
  int lower = 0;
  int upper = 0;
  float weight = 0;
};
using Axis = std::vector<AxisPoint>;

/// Points of the target indices [begin, begin + count) of a resize from `source` to `target`.
Axis make_axis(int source, int target, int begin, int count, bool mirrored);

/// Source indices the points touch; moves them so that the first becomes 0.
struct AxisRange {
  int begin = 0;
  int count = 0;
};
AxisRange range_of(const Axis& axis);
void move_to_zero(Axis& axis);

/// Adapts points to a source of which every `reduction` pixels became one of now `count`.
void reduce_axis(Axis& axis, int reduction, int count);

/// @param mean   subtracted from each channel of the result
/// @param output rows.size() · columns.size() · 3 floats
void resize_along(const Image& image, const Axis& rows, const Axis& columns, const std::array<float, 3>& mean,
                  std::span<float> output);

}  // namespace assemble
