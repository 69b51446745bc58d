// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/shrink.h"

#include <algorithm>

#include "assemble/image/resize.h"

namespace assemble {

Image shrunk(const Image& image, int side) {
  const double scale = static_cast<double>(side) / std::max(image.height, image.width);
  if (scale >= 1) return image;
  const auto scaled = [&](int length) { return std::max(static_cast<int>(length * scale), 1); };
  Image small = Image::create(scaled(image.height), scaled(image.width));
  resize_as_pillow(image, small.height, small.width, {0, 0, small.height, small.width}, small.pixels);
  return small;
}

}  // namespace assemble
