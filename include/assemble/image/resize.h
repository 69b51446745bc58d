// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "assemble/image/image.h"

namespace assemble {

/// TensorFlow 1's bilinear resize (align_corners false, no half-pixel centres, no antialiasing):
/// source coordinate = target index × (source size / target size), clamped at the last pixel.
/// Reference: tf.image.resize_images as the original calls it.
/// @param output height · width · 3 floats, HWC, in [0, 255], not rounded
/// @throws UsageError when a size is below 1 or `output` has another length
void resize_bilinear(const Image& image, int height, int width, std::span<float> output);

/// The same, computing only `crop` of the resized image (its size gives the output's).
void resize_bilinear_crop(const Image& image, int height, int width, const Window& crop, std::span<float> output);

/// Slow and obvious version of resize_bilinear_crop that tests hold the fast one against.
void resize_bilinear_reference(const Image& image, int height, int width, const Window& crop,
                               std::span<float> output);

/// Mirrors an HWC float image left to right in place.
void flip_horizontal(std::span<float> pixels, int height, int width);

}  // namespace assemble
