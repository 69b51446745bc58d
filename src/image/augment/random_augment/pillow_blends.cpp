// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <vector>

#include "augment/auto_augment/operations.h"
#include "augment/random_augment/pillow_operations.h"
#include "channels.h"

namespace assemble::augment {
namespace {

uint8_t gray_of(const uint8_t* pixel) {
  return static_cast<uint8_t>((pixel[0] * 19595u + pixel[1] * 38470u + pixel[2] * 7471u + 0x8000u) >> 16);
}

}  // namespace

void pillow_color(Image& image, float factor) {
  uint8_t* pixel = image.pixels.data();
  for (const uint8_t* end = pixel + image.pixels.size(); pixel != end; pixel += kChannels) {
    const float gray = gray_of(pixel);
    for (int c = 0; c < kChannels; ++c) pixel[c] = blend(gray, pixel[c], factor);
  }
}

void pillow_contrast(Image& image, float factor) {
  uint64_t sum = 0;
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) sum += gray_of(&image.pixels[i]);
  const double pixels = static_cast<double>(image.height) * image.width;
  const auto mean = static_cast<float>(static_cast<int>(static_cast<double>(sum) / pixels + 0.5));
  for (uint8_t& value : image.pixels) value = blend(mean, value, factor);
}

void pillow_sharpness(Image& image, float factor) {
  constexpr float kSide = 1.f / 13, kCentre = 5.f / 13;
  const std::vector<uint8_t> source = image.pixels;
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(image.width) * kChannels;
  for (int y = 1; y + 1 < image.height; ++y) {
    const uint8_t* middle = source.data() + y * stride;
    uint8_t* out = image.row(y);
    const auto three = [](const uint8_t* row, std::ptrdiff_t i, float centre) {
      return row[i - kChannels] * kSide + row[i] * centre + row[i + kChannels] * kSide;
    };
    for (std::ptrdiff_t i = kChannels; i < stride - kChannels; ++i) {
      float smooth = 0.5f + three(middle + stride, i, kSide);
      smooth += three(middle, i, kCentre);
      smooth += three(middle - stride, i, kSide);
      out[i] = blend(static_cast<uint8_t>(std::min(smooth, 255.f)), middle[i], factor);
    }
  }
}

}  // namespace assemble::augment
