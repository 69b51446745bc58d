// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "assemble/image/decode.h"
#include "assemble/image/image.h"

namespace assemble {

/// TensorFlow 1's bilinear resize (align_corners false, no half-pixel centres, no antialiasing):
/// source coordinate = target index × (source size / target size), clamped at the last pixel.
/// Reference: tf.image.resize_images as the original calls it.
/// @param output height · width · 3 floats, HWC, in [0, 255], not rounded
/// @throws UsageError when a size is below 1 or `output` has another length
void resize_bilinear(const Image& image, int height, int width, std::span<float> output);

/// The same, computing only `crop` of the resized image (its size gives the output's).
/// @param mirrored resize the image as if it had been mirrored left to right first. (Not the same as mirroring the
///        result: the grid of this resize is not symmetric.)
/// @throws UsageError also when `crop` leaves the resized image
void resize_bilinear_crop(const Image& image, int height, int width, const Window& crop, bool mirrored,
                          std::span<float> output);

/// Slow and obvious version of resize_bilinear_crop that tests hold the fast one against, bit for bit.
void resize_bilinear_reference(const Image& image, int height, int width, const Window& crop, bool mirrored,
                               std::span<float> output);

/// Filters of PIL and torchvision.
enum class ResizeFilter {
  kBilinear,  ///< a triangle as wide as two target pixels
  kBicubic,   ///< Keys' cubic (a = -0.5) as wide as four; results are cut off to [0, 255]
};

/// Resize with antialiasing, as PIL and torchvision do it: the filter lies around the target pixel's centre, no
/// narrower than on source pixels, and is cut at the borders. Not rounded.
/// @param crop part of the resized image to compute; its size gives the output's
/// @param mirrored mirror the result left to right
/// @throws UsageError when sizes do not fit
void resize_antialiased_crop(const Image& image, int height, int width, const Window& crop, bool mirrored,
                             std::span<float> output, ResizeFilter filter = ResizeFilter::kBilinear);

/// The same on bytes, to the bit what Pillow's Image.resize gives: weights of 22 bits, rounded after each of the two
/// passes, rows first. So torchvision's and timm's transforms evaluate, and the published corruptions begin.
/// @param output crop.height · crop.width · 3
/// @throws UsageError when sizes do not fit
void resize_as_pillow(const Image& image, int height, int width, const Window& crop, std::span<uint8_t> output,
                      ResizeFilter filter = ResizeFilter::kBilinear);

/// Size that torchvision's Resize(short_side) gives: the long side is cut off to a whole number.
/// @throws InputError when it is longer than limits.h allows
ImageSize torchvision_resize(ImageSize size, int short_side, const std::string& where);
/// Window of torchvision's CenterCrop: half a pixel goes to the even side, as Python rounds.
Window torchvision_center_crop(ImageSize size, int side);

/// Resizes the short side with antialiasing (PIL's bilinear), then cuts out the middle, as torchvision's Resize and
/// CenterCrop do, to the bit.
/// @param short_side 0: no resize
/// @param crop side of the square cut out; 0: none
/// @throws InputError when the resized image is smaller than the crop, or what is made larger than limits.h allows
Image resize_and_crop(const Image& image, int short_side, int crop, const std::string& where);

}  // namespace assemble
