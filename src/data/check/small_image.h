// SPDX-License-Identifier: Apache-2.0
// What the search for duplicates keeps of an image.
#pragma once

#include <array>
#include <cstdint>

#include "assemble/image/image.h"

namespace assemble::check {

/// An image squeezed to a small square: its brightness, smoothed so that it may be shifted by parts of a pixel, and
/// coarser its colours. Faint contrasts are stretched, so that they do not get lost between levels.
struct SmallImage {
  static constexpr int kSide = 40;
  static constexpr int kColourSide = 8;

  std::array<uint8_t, kSide * kSide> luma{};
  std::array<uint8_t, kColourSide * kColourSide * 2> colour{};  ///< 128 + half of B - Y and of R - Y
  float deviation = 0;  ///< standard deviation of the brightness as it was, in levels of 255
};

SmallImage small_image(const Image& image);

/// Brightness of a pixel: Y of BT.601.
inline float luma_of(const float* rgb) { return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]; }

}  // namespace assemble::check
