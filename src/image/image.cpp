// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/image.h"

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {

Image Image::create(int height, int width) {
  if (height < 1 || width < 1) {
    throw UsageError("image", concat(width, "×", height, " pixels: sides must be at least 1"));
  }
  return {height, width, std::vector<uint8_t>(size_t{kChannels} * height * width)};
}

Image crop(const Image& image, const Window& window) {
  if (!window.lies_in(image.height, image.width)) {
    throw UsageError("crop", concat("of ", window.width, "×", window.height, " at (", window.x, ", ", window.y,
                                    ") leaves the image of ", image.width, "×", image.height));
  }
  Image result = Image::create(window.height, window.width);
  for (int y = 0; y < window.height; ++y) {
    std::copy_n(image.row(window.y + y) + window.x * Image::kChannels, window.width * Image::kChannels, result.row(y));
  }
  return result;
}

}  // namespace assemble
