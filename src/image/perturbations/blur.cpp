// SPDX-License-Identifier: Apache-2.0
#include "perturbations/perturbation.h"

namespace assemble::perturbations {

using corruptions::FieldSize;
using corruptions::like;

namespace {

FieldSize size_of(const Image& image) { return {image.height, image.width, Image::kChannels}; }

}  // namespace

Frames motion_blur(Call& call) {
  constexpr int kRadius = 10;
  constexpr double kSigma = 3;
  const Image clean = call.cropped();
  Frames frames;
  for (int i = 0; i < call.frames; ++i) {
    frames.push_back(like(clean));
    corruptions::motion_blur_levels(clean.pixels.data(), size_of(clean), kRadius, kSigma, (i - 30) * 4,
                                    frames.back().pixels.data());
  }
  return frames;
}

Frames zoom_blur(Call& call) {
  Frames frames{call.cropped()};
  std::vector<float> sum = corruptions::to_shares(frames.front());
  for (int i = 1; i < call.frames; ++i) {
    const Image zoomed = transform(call.image, {.scale = 1 + 0.004 * i}, call.window());
    Image mean = like(zoomed);
    const std::vector<float> shares = corruptions::to_shares(zoomed);
    for (size_t p = 0; p < sum.size(); ++p) {
      sum[p] += shares[p];
      mean.pixels[p] = corruptions::level(sum[p] / static_cast<float>(i + 1) * 255);
    }
    frames.push_back(std::move(mean));
  }
  return frames;
}

Frames gaussian_blur(Call& call) {
  constexpr double kTruncate = 6;
  const Image clean = call.cropped();
  Frames frames;
  for (int i = 0; i < call.frames; ++i)
    frames.push_back(corruptions::gaussian_blurred(clean, 0.25 + 0.035 * i, kTruncate));
  return frames;
}

}  // namespace assemble::perturbations
