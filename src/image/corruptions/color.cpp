// SPDX-License-Identifier: Apache-2.0
// Changes of saturation and value in HSV. The hue stays, so with maximum M, minimum m and chroma M - m of a pixel, a
// channel c of the result is v · (1 - s · (M - c) / (M - m)), and no hue is ever computed.
#include <numeric>

#include "corruptions/corruption.h"

namespace assemble::corruptions {
namespace {

constexpr int kLevels = 256;
constexpr int kChannels = Image::kChannels;

/// By maximum and channel: the channel once the value is raised.
using BrightnessTable = std::vector<uint8_t>;

BrightnessTable brightness_table(double raise) {
  BrightnessTable table(size_t{kLevels} * kLevels);
  for (int maximum = 0; maximum < kLevels; ++maximum) {
    const double value = std::min(maximum / 255.0 + raise, 1.0);
    for (int channel = 0; channel <= maximum; ++channel) {
      const double missing = maximum > 0 ? static_cast<double>(maximum - channel) / maximum : 0.0;
      table[static_cast<size_t>(maximum) * kLevels + channel] = static_cast<uint8_t>(value * (1 - missing) * 255);
    }
  }
  return table;
}

}  // namespace

Image brightness(const Image& image, Call& call) {
  static const std::array<BrightnessTable, kCorruptionSeverities> tables{
      brightness_table(.1), brightness_table(.2), brightness_table(.3), brightness_table(.4), brightness_table(.5)};
  const BrightnessTable& table = call.pick(tables);
  Image result = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    const uint8_t* pixel = image.pixels.data() + i;
    const uint8_t* row = table.data() + size_t{kLevels} * std::max({pixel[0], pixel[1], pixel[2]});
    for (int c = 0; c < kChannels; ++c) result.pixels[i + c] = row[pixel[c]];
  }
  return result;
}

Image saturate(const Image& image, Call& call) {
  struct Parameters {
    float factor;
    float raise;
  };
  const auto [factor, raise] = call.pick<Parameters>({{{0.3f, 0}, {0.1f, 0}, {2, 0}, {5, 0.1f}, {20, 0.2f}}});
  const float gray = 1 - raise;
  Image result = like(image);
  for (size_t i = 0; i < image.pixels.size(); i += kChannels) {
    const uint8_t* pixel = image.pixels.data() + i;
    const int most = std::max({pixel[0], pixel[1], pixel[2]}), least = std::min({pixel[0], pixel[1], pixel[2]});
    const auto maximum = static_cast<float>(most);
    if (most == least) {
      // A gray pixel has hue 0: red once it is saturated.
      result.pixels[i] = pixel[0];
      result.pixels[i + 1] = result.pixels[i + 2] = level(maximum * gray);
      continue;
    }
    // Saturation over the old one, (M - m) / M: the share by which M - c grows.
    const float inverse = maximum / static_cast<float>(most - least);
    const float growth = std::min(factor + raise * inverse, inverse);
    for (int c = 0; c < kChannels; ++c) {
      result.pixels[i + c] = level(maximum - growth * static_cast<float>(most - pixel[c]));
    }
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
