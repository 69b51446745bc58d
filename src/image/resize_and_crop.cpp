// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "codecs.h"

namespace assemble {

Image resize_and_crop(const Image& image, int short_side, int crop, const std::string& where) {
  const auto scaled = [&](int side, int other) {
    if (short_side == 0) return side;
    return side <= other ? short_side : static_cast<int>(static_cast<int64_t>(short_side) * side / other);
  };
  const int height = scaled(image.height, image.width), width = scaled(image.width, image.height);
  if (std::min(height, width) < crop) {
    throw InputError(where, concat("is ", width, "×", height, " pixels, smaller than the crop of ", crop),
                     "resize to at least the crop, or crop less");
  }
  // Half a pixel goes to the even side, as Python rounds.
  const auto start = [&](int side) { return crop == 0 ? 0 : static_cast<int>(std::nearbyint((side - crop) / 2.0)); };
  const Window window{start(height), start(width), crop == 0 ? height : crop, crop == 0 ? width : crop};
  if (short_side == 0) return codecs::crop(image, window);
  Image result = codecs::allocate_image(window.height, window.width);
  std::vector<float> values(result.pixels.size());
  resize_antialiased_crop(image, height, width, window, /*mirrored=*/false, values);
  for (size_t i = 0; i < values.size(); ++i) {
    result.pixels[i] = static_cast<uint8_t>(std::clamp(values[i] + 0.5f, 0.f, 255.f));
  }
  return result;
}

}  // namespace assemble
