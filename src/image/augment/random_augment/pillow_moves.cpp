// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>
#include <vector>

#include "assemble/core/math.h"
#include "augment/random_augment/pillow_operations.h"

namespace assemble::augment {
namespace {

/// Where the centre of a target pixel (x, y) comes from: (xx · x + xy · y + x0, yx · x + yy · y + y0).
struct Affine {
  double xx = 1, xy = 0, x0 = 0;
  double yx = 0, yy = 1, y0 = 0;
};

/// Pillow's 16.16 numbers.
int64_t fixed(double value) { return static_cast<int64_t>(std::floor(value * 65536 + 0.5)); }

/// Each pixel from the nearest one of the source; black where that is outside.
void transform(Image& image, const Affine& a) {
  const std::vector<uint8_t> source = std::exchange(image.pixels, std::vector<uint8_t>(image.pixels.size(), 0));
  const int64_t width = image.width, height = image.height;
  const int64_t xx = fixed(a.xx), xy = fixed(a.xy), yx = fixed(a.yx), yy = fixed(a.yy);
  int64_t row_x = fixed(a.x0 + a.xx * 0.5 + a.xy * 0.5), row_y = fixed(a.y0 + a.yx * 0.5 + a.yy * 0.5);
  for (int y = 0; y < image.height; ++y, row_x += xy, row_y += yy) {
    uint8_t* out = image.row(y);
    int64_t from_x = row_x, from_y = row_y;
    for (int64_t x = 0; x < width; ++x, from_x += xx, from_y += yx, out += Image::kChannels) {
      const int64_t i = from_x >> 16, j = from_y >> 16;
      if (i < 0 || i >= width || j < 0 || j >= height) continue;
      std::memcpy(out, source.data() + (j * width + i) * Image::kChannels, Image::kChannels);
    }
  }
}

/// Between the four nearest pixels, those beyond the border as the last one; black where the place is outside.
void interpolate(Image& image, const Affine& a) {
  const Image source = image;
  std::fill(image.pixels.begin(), image.pixels.end(), uint8_t{0});
  const auto clip = [](int at, int length) { return std::clamp(at, 0, length - 1); };
  for (int y = 0; y < image.height; ++y) {
    uint8_t* out = image.row(y);
    for (int x = 0; x < image.width; ++x, out += Image::kChannels) {
      const double from_x = a.xx * (x + 0.5) + a.xy * (y + 0.5) + a.x0;
      const double from_y = a.yx * (x + 0.5) + a.yy * (y + 0.5) + a.y0;
      if (from_x < 0 || from_x >= image.width || from_y < 0 || from_y >= image.height) continue;
      const int left = static_cast<int>(std::floor(from_x - 0.5)), top = static_cast<int>(std::floor(from_y - 0.5));
      const double dx = from_x - 0.5 - left, dy = from_y - 0.5 - top;
      const uint8_t* above = source.row(clip(top, image.height));
      const uint8_t* below = source.row(clip(top + 1, image.height));
      const int first = clip(left, image.width) * Image::kChannels;
      const int second = clip(left + 1, image.width) * Image::kChannels;
      for (int c = 0; c < Image::kChannels; ++c) {
        const double upper = above[first + c] + (above[second + c] - above[first + c]) * dx;
        const double lower = below[first + c] + (below[second + c] - below[first + c]) * dx;
        out[c] = static_cast<uint8_t>(upper + (lower - upper) * dy);
      }
    }
  }
}

void move(Image& image, const Affine& affine, Sampling sampling) {
  (sampling == Sampling::kNearest ? transform : interpolate)(image, affine);
}

}  // namespace

void pillow_rotate(Image& image, double degrees, Sampling sampling) {
  constexpr double kDigits = 1e15;  // Pillow rounds to so many
  const double radians = -degrees * std::numbers::pi / 180;
  const double cosine = std::round(math::cos(radians) * kDigits) / kDigits;
  const double sine = std::round(math::sin(radians) * kDigits) / kDigits;
  const double x = image.width / 2.0, y = image.height / 2.0;
  move(image, {cosine, sine, x - (cosine * x + sine * y), -sine, cosine, y - (cosine * y - sine * x)}, sampling);
}

void pillow_shear(Image& image, double x, double y, Sampling sampling) { move(image, {.xy = x, .yx = y}, sampling); }

void pillow_translate(Image& image, int x, int y) {
  transform(image, {.x0 = static_cast<double>(-x), .y0 = static_cast<double>(-y)});
}

}  // namespace assemble::augment
