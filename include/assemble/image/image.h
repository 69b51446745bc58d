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

  /// A black image.
  /// @throws UsageError for sides below 1
  static Image create(int height, int width);
};

/// Rectangle in pixels: rows [y, y + height), columns [x, x + width).
struct Window {
  int y = 0;
  int x = 0;
  int height = 0;
  int width = 0;
  bool operator==(const Window&) const = default;

  /// Whether it holds a pixel, and none outside an image of this size.
  bool lies_in(int image_height, int image_width) const {
    return y >= 0 && x >= 0 && height >= 1 && width >= 1 && height <= image_height - y && width <= image_width - x;
  }
};

/// Object box in relative coordinates, each in [0, 1].
struct BoundingBox {
  float ymin = 0;
  float xmin = 0;
  float ymax = 1;
  float xmax = 1;
};

/// The pixels of a window as an image.
/// @throws UsageError when it leaves the image or is empty
Image crop(const Image& image, const Window& window);

}  // namespace assemble
