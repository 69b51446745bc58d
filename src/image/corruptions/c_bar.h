// SPDX-License-Identifier: Apache-2.0
// The ten corruptions of ImageNet-C-bar (corruptions.h), each in two steps: what is random is drawn, then the image is
// made of it, as the published generator makes it of the same numbers. Numbers in the tables of severities are the
// generator's levels. Lengths that it gives in shares of its square's side are shares of the shorter side here.
#pragma once

#include <array>
#include <vector>

#include "corruption.h"

namespace assemble::corruptions {

/// sin(x · fx + y · fy + phase), `intensity` levels high.
struct PlaneWave {
  double fx = 0;
  double fy = 0;
  double phase = 0;
  double intensity = 0;
};
PlaneWave draw_plane_wave(Call& call);
Image single_frequency_greyscale(const Image& image, const PlaneWave& wave);

/// Rings around a point, their distance from it waving with the angle.
struct Rings {
  double x = 0;
  double y = 0;
  double frequency = 0;  ///< waves in a radian
  double amplitude = 0;
  double width = 0;
  double intensity = 0;
};
Rings draw_rings(const FieldSize& size, Call& call);
Image cocentric_sine_waves(const Image& image, const Rings& rings);

/// Coloured swirls: a point moved along sines of rising frequency.
struct Plasma {
  double time = 0;
  int iterations = 0;
  double sharpness = 0;
  double scale = 0;
  double intensity = 0;
};
Plasma draw_plasma(const FieldSize& size, Call& call);
Image plasma_noise(const Image& image, const Plasma& plasma);

/// A point with rays of different lengths, the first one upwards.
struct Star {
  double y = 0;
  double x = 0;
  std::vector<double> rays;
  double exponent = 1;  ///< how fast light fades
};
std::vector<Star> draw_stars(const FieldSize& size, Call& call);
/// Each star draws the image towards white.
Image sparkles(const Image& image, const std::vector<Star>& stars);
Star draw_inverse_star(const FieldSize& size, Call& call);
/// All but the star is white.
Image inverse_sparkles(const Image& image, const Star& star);

/// Lattice of random gradients.
struct PerlinLattice {
  static constexpr size_t kSide = 256;
  std::array<uint8_t, kSide> permutation{};
  std::array<std::array<double, 2>, kSide> gradients{};
  double alpha = 0;  ///< share of the noise in the result
};
PerlinLattice draw_perlin_lattice(Call& call);
Image perlin_noise(const Image& image, const PerlinLattice& lattice);

/// Noise of deviation 1 is given by the phases of its frequencies: of half the spectrum, row by row, then of its middle
/// column where the width is odd. The amplitude grows with the frequency (blue) or falls with its square (brownish).
size_t phase_count(const FieldSize& size);
/// In [0, 2π).
std::vector<double> draw_phases(size_t count, Call& call);
double blue_noise_threshold(const Call& call);
/// Pixels where the noise is above the threshold; black elsewhere.
Image blue_noise_sample(const Image& image, std::span<const double> phases, double threshold);
/// @param phases phase_count() a channel
Image brownish_noise(const Image& image, std::span<const double> phases, double intensity);
double brownish_intensity(const Call& call);

/// A turned checkerboard whose gray squares are there at random.
struct Checkerboard {
  double angle = 0;
  double scale = 0;           ///< side of a square
  int side = 0;               ///< squares along the grid, which repeats
  std::vector<uint8_t> gray;  ///< of those that may be: row by row
};
Checkerboard draw_checkerboard(const FieldSize& size, Call& call);
Image checkerboard_cutout(const Image& image, const Checkerboard& board);

/// Light through rippled water.
struct Ripples {
  double time = 0;
  double size = 0;  ///< after which they repeat
  double lens_scale = 0;
  double lighting = 0;
};
Ripples draw_ripples(const FieldSize& size, Call& call);
Image caustic_refraction(const Image& image, const Ripples& ripples);

inline FieldSize size_of(const Image& image) { return {image.height, image.width, 1}; }
inline int shorter_side(const FieldSize& size) { return std::min(size.height, size.width); }

/// The image that change(y, x, from, out) makes, called for every pixel.
template <typename Change>
Image changed(const Image& image, Change&& change) {
  Image result = like(image);
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* from = image.row(y);
    uint8_t* out = result.row(y);
    for (int x = 0; x < image.width; ++x, from += Image::kChannels, out += Image::kChannels) change(y, x, from, out);
  }
  return result;
}

/// As Python's %: in [0, divisor).
double floor_modulus(double value, double divisor);

}  // namespace assemble::corruptions
