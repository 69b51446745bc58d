// SPDX-License-Identifier: Apache-2.0
// The two halves of the bilinear resize, with the best instructions that the processor has; all give the same bits.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "resize/resize_axis.h"

namespace assemble {

/// out[i] = (top[i] + (bottom[i] - top[i]) · weight) - mean[i]
void blend_rows(const float* top, const float* bottom, float weight, const float* mean, size_t count, float* out);

/// The horizontal half.
class RowInterpolator {
 public:
  /// Floats that `out` must have room for beyond those of the columns.
  static constexpr size_t kRoom = 16;

  static constexpr size_t kGroup = 16;

  /// Which bytes of a row make 16 floats of the result. A block of 4 floats is made of 16 bytes.
  struct alignas(64) Group {
    std::array<int32_t, 16> permutation{};     ///< which 32-bit lane of those loaded each of the blocks' lanes is
    std::array<uint8_t, 64> lower{}, upper{};  ///< bytes of each float within its block, as 32-bit integers
    std::array<float, 16> weights{};
    /// Bytes that are loaded: one place a vector, of as many bytes as it has; or two a block, of 8 bytes each, one for
    /// the first and one for the last column that the block touches.
    std::array<int32_t, 8> places{};
  };

  /// @param columns must outlive it
  /// @param width   pixels of a row
  RowInterpolator(const Axis& columns, int width);

  /// One source row, interpolated at the columns: three floats each.
  void operator()(const uint8_t* row, float* out) const;

 private:
  std::array<int, 2> byte_range(size_t first, size_t count) const;
  bool plan_whole_loads(int row_bytes, size_t lanes);
  void plan_column_loads(int row_bytes);
  void plan_bytes(size_t place, int origin);

  const Axis& columns_;
  std::vector<Group> groups_;  ///< empty where there are no vectors, or rows are too short
  bool whole_loads_ = false;
};

}  // namespace assemble
