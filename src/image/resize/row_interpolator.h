// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "resize/resize_axis.h"

namespace assemble {

/// The horizontal half of the bilinear resize, with the best instructions that the processor has; all give the same
/// bits.
class RowInterpolator {
 public:
  /// Floats that `out` must have room for beyond those of the columns.
  static constexpr size_t kRoom = 1;

  /// @param columns must outlive it
  explicit RowInterpolator(const Axis& columns);

  /// One source row, interpolated at the columns: three floats each.
  /// @param readable_beyond whether a byte follows the row's last pixel
  void operator()(const uint8_t* row, bool readable_beyond, float* out) const;

 private:
  static constexpr size_t kGroup = 5;  // columns whose channels fill 15 of a register's 16 floats

  /// Which bytes of the row, and how, make some columns.
  struct Group {
    int begin = 0;                             ///< the first byte
    uint64_t readable = 0;                     ///< a bit for each of the 64 bytes from there that the row has
    uint16_t stored = 0;                       ///< a bit for each float of the result
    std::array<uint8_t, 16> lower{}, upper{};  ///< bytes of each float, from the first
    std::array<float, 16> weight{};
  };
  /// Empty where bytes of a group lie too far apart, or the processor lacks the instructions.
  static std::vector<Group> make_groups(const Axis& columns);
  void interpolate_groups(const uint8_t* row, float* out) const;

  const Axis& columns_;
  std::vector<Group> groups_;
};

}  // namespace assemble
