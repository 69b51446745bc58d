// SPDX-License-Identifier: Apache-2.0
#include "channels.h"
#include "corruptions/corruption.h"
#include "corruptions/hsv.h"

namespace assemble::corruptions {
namespace {

constexpr int kLevels = 256;

}  // namespace

Image brightness(const Image& image, Call& call) {
  static const std::array<Brightening, kCorruptionSeverities> brightenings{
      Brightening(.1), Brightening(.2), Brightening(.3), Brightening(.4), Brightening(.5)};
  return call.pick(brightenings).apply(image);
}

Image saturate(const Image& image, Call& call) {
  struct Parameters {
    double factor;
    double raise;
  };
  const auto [factor, raise] = call.pick<Parameters>({{{0.3, 0}, {0.1, 0}, {2, 0}, {5, 0.1}, {20, 0.2}}});
  Image result = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    Hsv hsv = to_hsv(image.pixels.data() + i);
    hsv.saturation = std::clamp(hsv.saturation * factor + raise, 0.0, 1.0);
    to_rgb(hsv, result.pixels.data() + i);
  }
  return result;
}

Image contrast(const Image& image, Call& call) {
  const double factor = call.pick<double>({.4, .3, .2, .1, .05});
  std::array<int64_t, kChannels> sums{};
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    for (int c = 0; c < kChannels; ++c) sums[c] += image.pixels[i + c];
  }
  std::array<std::array<uint8_t, kLevels>, kChannels> table;
  for (int c = 0; c < kChannels; ++c) {
    const double mean = static_cast<double>(sums[c]) / 255 / image.height / image.width;
    for (int value = 0; value < kLevels; ++value) {
      table[c][value] = static_cast<uint8_t>(std::clamp((value / 255.0 - mean) * factor + mean, 0.0, 1.0) * 255);
    }
  }
  Image result = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    for (int c = 0; c < kChannels; ++c) result.pixels[i + c] = table[c][image.pixels[i + c]];
  }
  return result;
}

}  // namespace assemble::corruptions
