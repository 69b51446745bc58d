// SPDX-License-Identifier: Apache-2.0
// Changes of saturation and value in scikit-image's HSV: its very steps, in double, since many results are whole levels
// but for the rounding of these steps.
#pragma once

#include <cstdint>
#include <vector>

#include "assemble/image/image.h"

namespace assemble::corruptions {

/// All in [0, 1].
struct Hsv {
  double hue = 0;
  double saturation = 0;
  double value = 0;
};

/// skimage.color.rgb2hsv of levels divided by 255.
Hsv to_hsv(const uint8_t* rgb);

/// skimage.color.hsv2rgb, cut off to levels.
void to_rgb(const Hsv& hsv, uint8_t* rgb);

/// Raises the value of pixels, as brightness() of both generators does. The hue stays, so with maximum M, minimum m and
/// chroma M - m of a pixel, a channel c of the result is v · (1 - (M - c) / M): a table, but for what is nearly whole.
class Brightening {
 public:
  /// @param raise of the value
  explicit Brightening(double raise);
  Image apply(const Image& image) const;

 private:
  double raise_;
  std::vector<int16_t> levels_;  ///< by maximum and channel
};

}  // namespace assemble::corruptions
