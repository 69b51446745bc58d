// SPDX-License-Identifier: Apache-2.0
#include "augment/color_jitter.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace assemble {
namespace {

float clip(float value) { return std::clamp(value, 0.f, 255.f); }

/// ITU-R BT.601 luma.
float gray(const float* pixel) { return 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]; }

void scale_brightness(std::span<float> pixels, float factor) {
  for (float& value : pixels) value = clip(value * factor);
}

void scale_contrast(std::span<float> pixels, float factor) {
  double sum = 0;
  for (size_t i = 0; i < pixels.size(); i += 3) sum += gray(&pixels[i]);
  const auto mean = static_cast<float>(sum / (static_cast<double>(pixels.size()) / 3));
  for (float& value : pixels) value = clip(mean + (value - mean) * factor);
}

void scale_saturation(std::span<float> pixels, float factor) {
  for (size_t i = 0; i < pixels.size(); i += 3) {
    const float luma = gray(&pixels[i]);
    for (size_t c = 0; c < 3; ++c) pixels[i + c] = clip(luma + (pixels[i + c] - luma) * factor);
  }
}

}  // namespace

void color_jitter(std::span<float> pixels, double strength, Random& random) {
  void (*changes[])(std::span<float>, float) = {scale_brightness, scale_contrast, scale_saturation};
  std::swap(changes[0], changes[random.integer(3)]);
  std::swap(changes[1], changes[1 + random.integer(2)]);
  for (const auto change : changes) {
    change(pixels, static_cast<float>(random.uniform(std::max(0.0, 1 - strength), 1 + strength)));
  }
}

void shift_colors(std::span<float> pixels, Random& random) {
  const double brightness = random.uniform(-32, 32);
  const double cb = random.uniform(-25.5, 25.5);
  const double cr = random.uniform(-25.5, 25.5);
  // ITU-R BT.601 chroma, as JPEG converts it.
  const float shifts[] = {static_cast<float>(1.402 * cr + brightness),
                          static_cast<float>(-0.344136 * cb - 0.714136 * cr + brightness),
                          static_cast<float>(1.772 * cb + brightness)};
  for (size_t i = 0; i < pixels.size(); i += 3) {
    for (size_t c = 0; c < 3; ++c) pixels[i + c] = clip(pixels[i + c] + shifts[c]);
  }
}

}  // namespace assemble
