// SPDX-License-Identifier: Apache-2.0
// What the families of corruptions share, behind corruptions.h. Numbers in their tables are those of the published
// generator, one entry a severity.
#pragma once

#include <algorithm>
#include <array>

#include "assemble/core/random.h"
#include "assemble/image/corruptions.h"
#include "filters.h"

namespace assemble::corruptions {

struct Call {
  int severity = 1;
  Random& random;
  const CorruptOptions& options;

  /// The entry of this severity.
  template <typename Parameters>
  const Parameters& pick(const std::array<Parameters, kCorruptionSeverities>& parameters) const {
    return parameters[static_cast<size_t>(severity - 1)];
  }
};

Image gaussian_noise(const Image& image, Call& call);
Image shot_noise(const Image& image, Call& call);
Image impulse_noise(const Image& image, Call& call);
Image speckle_noise(const Image& image, Call& call);

Image gaussian_blur(const Image& image, Call& call);
Image glass_blur(const Image& image, Call& call);
Image defocus_blur(const Image& image, Call& call);
Image motion_blur(const Image& image, Call& call);
Image zoom_blur(const Image& image, Call& call);

Image snow(const Image& image, Call& call);
Image frost(const Image& image, Call& call);
Image fog(const Image& image, Call& call);
Image spatter(const Image& image, Call& call);

Image brightness(const Image& image, Call& call);
Image contrast(const Image& image, Call& call);
Image saturate(const Image& image, Call& call);

Image elastic_transform(const Image& image, Call& call);
Image pixelate(const Image& image, Call& call);
int smallest_pixelated(int severity);
Image jpeg_compression(const Image& image, Call& call);

// Of ImageNet-C-bar.
Image blue_noise_sample(const Image& image, Call& call);
Image brownish_noise(const Image& image, Call& call);
Image caustic_refraction(const Image& image, Call& call);
Image checkerboard_cutout(const Image& image, Call& call);
Image cocentric_sine_waves(const Image& image, Call& call);
Image inverse_sparkles(const Image& image, Call& call);
Image perlin_noise(const Image& image, Call& call);
Image plasma_noise(const Image& image, Call& call);
Image single_frequency_greyscale(const Image& image, Call& call);
Image sparkles(const Image& image, Call& call);

/// How much water lies on each pixel, in [0, strength]: the liquid, weighted by the distance from its edges and
/// embossed.
/// @param liquid in [0, 255]
std::vector<double> water_amounts(std::span<const double> liquid, const FieldSize& size, double strength);

/// A black image of the same size.
inline Image like(const Image& image) { return Image::create(image.height, image.width); }

/// Clips to [0, 255] and cuts off, as the generator's np.uint8 does.
template <typename Value>
uint8_t level(Value value) {
  return static_cast<uint8_t>(static_cast<int>(std::min(std::max(value, Value{0}), Value{255})));
}

}  // namespace assemble::corruptions
