// SPDX-License-Identifier: Apache-2.0
#include "check/small_image.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "assemble/image/resize.h"

namespace assemble::check {
namespace {

constexpr int kSide = SmallImage::kSide;

/// Weights 1, 2, 1 along rows and columns.
std::array<float, kSide * kSide> smoothed(const std::array<float, kSide * kSide>& plane) {
  std::array<float, kSide * kSide> rows, result;
  const auto smooth = [](const auto& from, auto& to, int step, int across) {
    for (int line = 0; line < kSide; ++line) {
      for (int i = 0; i < kSide; ++i) {
        const int before = std::max(i - 1, 0), after = std::min(i + 1, kSide - 1);
        const auto at = [&](int place) { return from[static_cast<size_t>(line * across + place * step)]; };
        to[static_cast<size_t>(line * across + i * step)] = (at(before) + 2 * at(i) + at(after)) / 4;
      }
    }
  };
  smooth(plane, rows, 1, kSide);
  smooth(rows, result, kSide, 1);
  return result;
}

/// Brings the mean to the middle of the levels, and deviations below kStretched up to that.
void store(const std::array<float, kSide * kSide>& plane, SmallImage& small) {
  constexpr double kStretched = 40;
  double sum = 0, squares = 0;
  for (const float value : plane) sum += value;
  const double mean = sum / static_cast<double>(plane.size());
  for (const float value : plane) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(plane.size()));
  const double factor = deviation > 0 ? std::max(kStretched / deviation, 1.0) : 0;
  std::ranges::transform(plane, small.luma.begin(), [&](float value) {
    return static_cast<uint8_t>(std::clamp(128.5 + factor * (value - mean), 0.0, 255.0));
  });
  small.deviation = static_cast<float>(deviation);
}

uint8_t colour_level(float sum, int count) {
  return static_cast<uint8_t>(std::clamp(128 + std::lround(sum / static_cast<float>(count) / 2), 0L, 255L));
}

}  // namespace

SmallImage small_image(const Image& image) {
  std::vector<float> pixels(size_t{kSide} * kSide * Image::kChannels);
  resize_antialiased_crop(image, kSide, kSide, {0, 0, kSide, kSide}, /*mirrored=*/false, pixels);
  std::array<float, kSide * kSide> luma;
  for (size_t i = 0; i < luma.size(); ++i) luma[i] = luma_of(&pixels[i * Image::kChannels]);

  SmallImage small;
  store(smoothed(luma), small);
  constexpr int kCell = kSide / SmallImage::kColourSide;
  for (int cell = 0; cell < SmallImage::kColourSide * SmallImage::kColourSide; ++cell) {
    const int top = cell / SmallImage::kColourSide * kCell, left = cell % SmallImage::kColourSide * kCell;
    float blue = 0, red = 0;
    for (int y = top; y < top + kCell; ++y) {
      for (int x = left; x < left + kCell; ++x) {
        const auto place = static_cast<size_t>(y * kSide + x);
        red += pixels[place * Image::kChannels] - luma[place];
        blue += pixels[place * Image::kChannels + 2] - luma[place];
      }
    }
    small.colour[static_cast<size_t>(cell) * 2] = colour_level(blue, kCell * kCell);
    small.colour[static_cast<size_t>(cell) * 2 + 1] = colour_level(red, kCell * kCell);
  }
  return small;
}

}  // namespace assemble::check
