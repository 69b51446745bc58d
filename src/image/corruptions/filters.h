// SPDX-License-Identifier: Apache-2.0
// Filters that several corruptions share. Fields are HWC floats, rows without padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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

/// The image as floats, with `pad` pixels more on every side.
std::vector<float> padded_floats(const uint8_t* pixels, const FieldSize& size, int pad, Border border);

/// out[i] = Σ_k weights[k] · rows[k][i], i in [0, count).
void weighted_rows(std::span<const float* const> rows, std::span<const float> weights, size_t count, float* out);

/// Gaussian filter, kernel cut at round(truncate · sigma) as SciPy does, in place, each channel for itself.
void gaussian_filter(std::vector<float>& field, const FieldSize& size, double sigma, double truncate, Border border);

/// Bytes to floats and back (clipped and cut off).
std::vector<float> to_floats(const Image& image);
void to_levels(std::span<const float> field, uint8_t* pixels);

/// ImageMagick's motion blur: half a Gaussian of deviation `sigma` over 2·radius + 1 pixels on a line that starts at
/// the pixel, cut off to 8 bits.
/// @param degrees direction, 0 is right, 90 is down
void motion_blur_levels(const uint8_t* pixels, const FieldSize& size, int radius, double sigma, double degrees,
                        uint8_t* out);

/// Adds to `sum` the middle of `field` magnified `zoom` times (≥ 1), as scipy.ndimage.zoom of order 1 makes it:
/// ceil(size / zoom) pixels are stretched to round(ceil(size / zoom) · zoom), corners on corners, and trimmed.
void add_clipped_zoom(std::span<const float> field, const FieldSize& size, double zoom, std::span<float> sum);

}  // namespace assemble::corruptions
