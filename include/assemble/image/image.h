// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assemble {

/// 8-bit RGB image, HWC, rows without padding.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<uint8_t> pixels;  ///< height · width · 3

  static constexpr int kChannels = 3;
  const uint8_t* row(int y) const { return pixels.data() + static_cast<std::size_t>(y) * width * kChannels; }
  uint8_t* row(int y) { return pixels.data() + static_cast<std::size_t>(y) * width * kChannels; }
};

/// Rectangle in pixels: rows [y, y + height), columns [x, x + width).
struct Window {
  int y = 0;
  int x = 0;
  int height = 0;
  int width = 0;
  bool operator==(const Window&) const = default;
};

/// Object box in relative coordinates, each in [0, 1].
struct BoundingBox {
  float ymin = 0;
  float xmin = 0;
  float ymax = 1;
  float xmax = 1;
};

}  // namespace assemble
