// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/seen_image.h"

#include <algorithm>
#include <cmath>

namespace assemble {

Image seen_image(const Batch& batch, int64_t index, const Preprocessing& preprocessing) {
  Image image = Image::create(static_cast<int>(batch.side), static_cast<int>(batch.side));
  const size_t size = image.pixels.size();
  const float* pixels = batch.images.data() + static_cast<size_t>(index * batch.views) * size;
  for (size_t i = 0; i < size; ++i) {
    const size_t channel = i % Image::kChannels;
    const float value = pixels[i] * preprocessing.deviation[channel] + preprocessing.mean[channel];
    image.pixels[i] = static_cast<uint8_t>(std::lround(std::clamp(value, 0.f, 255.f)));
  }
  return image;
}

}  // namespace assemble
