// SPDX-License-Identifier: Apache-2.0
// A drawn data set for tests of the check, and copies of its images that it is to find.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "../image/sample_images.h"
#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/image/resize.h"
#include "test_support.h"

namespace assemble::test {

/// Drawn images of 8 classes in train/ and validation/, 96×96.
inline void draw_for_check(const fs::path& folder, int train_per_class = 5) {
  DrawOptions options;
  options.train_per_class = train_per_class;
  options.validation_per_class = 2;
  options.side = 96;
  draw_dataset(folder, options);
}

inline Image read_png(const fs::path& path) { return decode_image(read_file(path), path.string()); }

inline Image half_of(const Image& image) {
  Image half = Image::create(image.height / 2, image.width / 2);
  resize_as_pillow(image, half.height, half.width, {0, 0, half.height, half.width}, half.pixels);
  return half;
}

inline Image mirror_of(const Image& image) {
  Image mirrored = image;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::copy_n(image.row(y) + x * 3, 3, mirrored.row(y) + (image.width - 1 - x) * 3);
    }
  }
  return mirrored;
}

/// Nine tenths of the sides, at a place of its own for each number.
inline Image crop_of(const Image& image, int number) {
  const int height = image.height * 9 / 10, width = image.width * 9 / 10;
  const int y = number * 7 % (image.height - height + 1), x = number * 3 % (image.width - width + 1);
  return crop(image, {y, x, height, width});
}

/// Weighted means with the pixels beside, again and again.
inline Image blurred(Image image, int times) {
  for (int i = 0; i < times; ++i) {
    const Image before = image;
    const auto at = [&](int y, int x, int c) {
      return before.row(std::clamp(y, 0, image.height - 1))[std::clamp(x, 0, image.width - 1) * 3 + c];
    };
    for (int y = 0; y < image.height; ++y) {
      for (int x = 0; x < image.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          const int sum = at(y - 1, x, c) + at(y + 1, x, c) + at(y, x - 1, c) + at(y, x + 1, c);
          image.row(y)[x * 3 + c] = static_cast<uint8_t>((4 * at(y, x, c) + sum + 4) / 8);
        }
      }
    }
  }
  return image;
}

inline Image mapped(Image image, const std::function<int(int)>& level) {
  for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(level(value));
  return image;
}

}  // namespace assemble::test
