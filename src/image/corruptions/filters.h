// SPDX-License-Identifier: Apache-2.0
// Filters that several corruptions share. Fields are HWC, rows without padding. Sums are of doubles, in the order of
// the packages that the published generator calls: levels are cut off, and rounding decides on which side a whole one
// falls.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble::corruptions {

/// What lies beyond the borders.
enum class Border {
  kNearest,    ///< a a | a b c d | d d
  kReflect,    ///< b a | a b c d | d c
  kReflect101  ///< c b | a b c d | c b
};

/// Index in [0, length) that stands for `index`, which may be any distance outside.
int border_index(int index, int length, Border border);

struct FieldSize {
  int height = 0;
  int width = 0;
  int channels = 1;
  size_t row() const { return static_cast<size_t>(width) * channels; }
  size_t count() const { return row() * height; }
};

/// The levels times `scale`, with `pad` pixels more on every side.
std::vector<double> padded_levels(const uint8_t* pixels, const FieldSize& size, int pad, Border border,
                                  double scale = 1);

/// out[i] = Σ_k weights[k] · rows[k][i], i in [0, count).
void weighted_rows(std::span<const double* const> rows, std::span<const double> weights, size_t count, double* out);

/// The same for an odd number of symmetric weights, as SciPy adds them up: the middle, then pairs, the outermost first.
void mirrored_rows(std::span<const double* const> rows, std::span<const double> weights, size_t count, double* out);

/// Gaussian filter, kernel cut at round(truncate · sigma) as SciPy does, in place, each channel for itself.
void gaussian_filter(std::vector<double>& field, const FieldSize& size, double sigma, double truncate, Border border);

/// The image blurred by scikit-image's gaussian(): borders repeated.
Image gaussian_blurred(const Image& image, double sigma, double truncate);

/// Levels as shares of 255, as Python divides them.
std::vector<float> to_shares(const Image& image);

/// Normal random numbers.
std::vector<double> normal_field(const FieldSize& size, float mean, float deviation, Random& random);

/// Clipped and cut off.
void to_levels(std::span<const float> field, uint8_t* pixels);
void to_levels(std::span<const double> field, uint8_t* pixels);

/// ImageMagick's motion blur: half a Gaussian of deviation `sigma` over 2·radius + 1 pixels on a line that starts at
/// the pixel, rounded to 16 bits and cut off to 8.
/// @param degrees direction, 0 is right, 90 is down
void motion_blur_levels(const uint8_t* pixels, const FieldSize& size, int radius, double sigma, double degrees,
                        uint8_t* out);

/// Adds to `sum`, in float, the middle of `field` magnified `zoom` times (≥ 1), as scipy.ndimage.zoom of order 1 makes
/// it: ceil(size / zoom) pixels are stretched to round(ceil(size / zoom) · zoom), corners on corners, and trimmed.
void add_clipped_zoom(std::span<const float> field, const FieldSize& size, double zoom, std::span<float> sum);

}  // namespace assemble::corruptions
