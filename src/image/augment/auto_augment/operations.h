// SPDX-License-Identifier: Apache-2.0
// The operations with their magnitudes, each on an image in place. Arithmetic is in float and truncated, in the
// original's order, so that bytes are the same.
#pragma once

#include <algorithm>
#include <cstdint>

#include "assemble/image/image.h"

namespace assemble::augment {

constexpr uint8_t kFill = 128;

/// From `from` towards `to` and, for factors above 1, beyond it.
inline uint8_t blend(float from, float to, float factor) {
  return static_cast<uint8_t>(std::clamp(from + factor * (to - from), 0.f, 255.f));
}

/// @name Each byte by a table (point_operations.cpp)
/// @{
void auto_contrast(Image& image);
/// As Pillow rounds it.
void auto_contrast_double(Image& image);
void equalize(Image& image);
void invert(Image& image);
void posterize(Image& image, int bits);
void solarize(Image& image, int threshold);
void solarize_add(Image& image, int addition);
void contrast(Image& image, float factor);
void brightness(Image& image, float factor);
/// @}

/// @name Pixels with their gray value or their neighbours (blend_operations.cpp)
/// @{
void color(Image& image, float factor);
void sharpness(Image& image, float factor);
/// @}

/// @name Pixels moved (geometric_operations.cpp)
/// @{
void rotate(Image& image, float degrees);
void shear_x(Image& image, float level);
void shear_y(Image& image, float level);
void translate_x(Image& image, float pixels);
void translate_y(Image& image, float pixels);
/// Rows [center - half, center + half), columns likewise.
void cutout(Image& image, int center_y, int center_x, int half);
/// @}

}  // namespace assemble::augment
