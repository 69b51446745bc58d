// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstring>
#include <numbers>
#include <utility>
#include <vector>

#include "assemble/core/math.h"
#include "augment/auto_augment/operations.h"
#include "channels.h"

namespace assemble::augment {
namespace {

/// Where a target pixel (x, y) comes from: (xx · x + xy · y + x0, yx · x + yy · y + y0).
struct Affine {
  float xx = 1, xy = 0, x0 = 0;
  float yx = 0, yy = 1, y0 = 0;
};

/// Nearest whole number, halves upwards, of a coordinate above -0.5.
int nearest_index(float coordinate) {
  const int below = static_cast<int>(coordinate);
  return below + (coordinate - static_cast<float>(below) >= 0.5f);
}

/// Each pixel from the nearest one of the source; gray where that is outside.
void transform(Image& image, const Affine& a) {
  const std::vector<uint8_t> source = std::exchange(image.pixels, std::vector<uint8_t>(image.pixels.size(), kFill));
  const int width = image.width, height = image.height;
  std::vector<int> offsets(static_cast<size_t>(width));
  for (int y = 0; y < height; ++y) {
    const float row = static_cast<float>(y);
    for (int x = 0; x < width; ++x) {
      const float column = static_cast<float>(x);
      const float from_x = a.xx * column + a.xy * row + a.x0;
      const float from_y = a.yx * column + a.yy * row + a.y0;
      const int i = nearest_index(from_x), j = nearest_index(from_y);
      const bool inside = (from_x > -0.5f) & (from_y > -0.5f) & (i < width) & (j < height);
      offsets[static_cast<size_t>(x)] = inside ? (j * width + i) * kChannels : -1;
    }
    uint8_t* out = image.row(y);
    for (const int offset : offsets) {
      if (offset >= 0) std::memcpy(out, source.data() + offset, kChannels);
      out += kChannels;
    }
  }
}

}  // namespace

void rotate(Image& image, float degrees) {
  const float radians = degrees * static_cast<float>(std::numbers::pi / 180);
  const float cosine = math::cos(radians), sine = math::sin(radians);
  const float right = static_cast<float>(image.width - 1), bottom = static_cast<float>(image.height - 1);
  const float x0 = (right - (cosine * right - sine * bottom)) / 2.f;
  const float y0 = (bottom - (sine * right + cosine * bottom)) / 2.f;
  transform(image, {cosine, -sine, x0, sine, cosine, y0});
}

void shear_x(Image& image, float level) { transform(image, {.xy = level}); }
void shear_y(Image& image, float level) { transform(image, {.yx = level}); }
void translate_x(Image& image, float pixels) { transform(image, {.x0 = pixels}); }
void translate_y(Image& image, float pixels) { transform(image, {.y0 = pixels}); }

void cutout(Image& image, int center_y, int center_x, int half) {
  const int left = std::max(center_x - half, 0), right = std::min(center_x + half, image.width);
  const int top = std::max(center_y - half, 0), bottom = std::min(center_y + half, image.height);
  for (int y = top; y < bottom; ++y) {
    std::fill(image.row(y) + left * kChannels, image.row(y) + right * kChannels, kFill);
  }
}

}  // namespace assemble::augment
