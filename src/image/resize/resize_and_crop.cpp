// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "made_size.h"

namespace assemble {

ImageSize torchvision_resize(ImageSize size, int short_side, const std::string& where) {
  const auto scaled = [short_side](int64_t side, int64_t other) {
    return side <= other ? int64_t{short_side} : short_side * side / other;
  };
  const int64_t height = scaled(size.height, size.width), width = scaled(size.width, size.height);
  check_made_size(height, width, Window{}, where);
  return {static_cast<int>(height), static_cast<int>(width)};
}

Window torchvision_center_crop(ImageSize size, int side) {
  const auto start = [side](int length) { return static_cast<int>(std::nearbyint((length - side) / 2.0)); };
  return {start(size.height), start(size.width), side, side};
}

Image resize_and_crop(const Image& image, int short_side, int crop, const std::string& where) {
  const ImageSize whole{image.height, image.width};
  const auto [height, width] = short_side == 0 ? whole : torchvision_resize(whole, short_side, where);
  if (std::min(height, width) < crop) {
    throw InputError(where, concat("is ", width, "×", height, " pixels, smaller than the crop of ", crop),
                     "resize to at least the crop, or crop less");
  }
  const Window window = crop == 0 ? Window{0, 0, height, width} : torchvision_center_crop({height, width}, crop);
  if (short_side == 0) return assemble::crop(image, window);
  check_made_size(window.height, window.width, where, kMaxResizedPixels);
  Image result = Image::create(window.height, window.width);
  resize_as_pillow(image, height, width, window, result.pixels);
  return result;
}

}  // namespace assemble
