// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <vector>

#include "augment/auto_augment/operations.h"
#include "channels.h"

namespace assemble::augment {
namespace {

/// Shares of the gray value, by channel and byte. Products are rounded as the original's are: each channel in [0, 1]
/// times its weight.
std::array<std::array<float, 256>, kChannels> make_gray_tables() {
  constexpr float kWeights[kChannels] = {0.2989f, 0.5870f, 0.1140f};
  std::array<std::array<float, 256>, kChannels> tables;
  for (int c = 0; c < kChannels; ++c) {
    for (int value = 0; value < 256; ++value)
      tables[c][value] = static_cast<float>(value) * (1.f / 255.f) * kWeights[c];
  }
  return tables;
}

}  // namespace

void color(Image& image, float factor) {
  static const auto tables = make_gray_tables();
  const size_t count = static_cast<size_t>(image.width) * kChannels;
  std::vector<float> gray(count);
  for (int y = 0; y < image.height; ++y) {
    uint8_t* row = image.row(y);
    for (size_t i = 0; i < count; i += kChannels) {
      const float share = tables[0][row[i]] + tables[1][row[i + 1]] + tables[2][row[i + 2]];
      gray[i] = gray[i + 1] = gray[i + 2] = static_cast<float>(static_cast<int>(share * 255.5f));
    }
    for (size_t i = 0; i < count; ++i) row[i] = blend(gray[i], row[i], factor);
  }
}

void sharpness(Image& image, float factor) {
  constexpr float kSide = 1.f / 13.f, kCenter = 5.f / 13.f;
  const std::vector<uint8_t> source = image.pixels;
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(image.width) * kChannels;
  for (int y = 1; y + 1 < image.height; ++y) {
    const uint8_t* middle = source.data() + y * stride;
    const uint8_t* above = middle - stride;
    const uint8_t* below = middle + stride;
    uint8_t* out = image.row(y);
    for (std::ptrdiff_t i = kChannels; i < stride - kChannels; ++i) {
      float smooth = above[i - kChannels] * kSide;
      smooth += above[i] * kSide;
      smooth += above[i + kChannels] * kSide;
      smooth += middle[i - kChannels] * kSide;
      smooth += middle[i] * kCenter;
      smooth += middle[i + kChannels] * kSide;
      smooth += below[i - kChannels] * kSide;
      smooth += below[i] * kSide;
      smooth += below[i + kChannels] * kSide;
      const float truncated = static_cast<float>(static_cast<int>(std::min(smooth, 255.f)));
      out[i] = blend(truncated, middle[i], factor);
    }
  }
}

}  // namespace assemble::augment
