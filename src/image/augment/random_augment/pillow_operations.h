// SPDX-License-Identifier: Apache-2.0
// What Pillow computes other than AutoAugment's operations do, each on an image in place.
#pragma once

#include "assemble/image/image.h"

namespace assemble::augment {

/// @name Blends by a factor (pillow_blends.cpp)
/// @{
/// With its gray values.
void pillow_color(Image& image, float factor);
/// With the rounded mean of its gray values.
void pillow_contrast(Image& image, float factor);
/// With a smoothed image; the border stays.
void pillow_sharpness(Image& image, float factor);
/// @}

/// @name Pixels moved (pillow_moves.cpp)
/// @{
enum class Sampling { kNearest, kBilinear };

/// Counter-clockwise, about the centre.
void pillow_rotate(Image& image, double degrees, Sampling sampling = Sampling::kNearest);
void pillow_shear(Image& image, double x, double y, Sampling sampling = Sampling::kNearest);
/// Right and down.
void pillow_translate(Image& image, int x, int y);
/// @}

}  // namespace assemble::augment
