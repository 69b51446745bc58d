// SPDX-License-Identifier: Apache-2.0
// What the preprocessing of training and that of evaluation share.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "assemble/image/preprocess.h"

namespace assemble {

using Colour = std::array<float, Image::kChannels>;

/// @throws UsageError unless `size` is that of so many views
void check_output(size_t size, int side, int views = 1);

void subtract(std::span<float> pixels, const Colour& mean);
void divide(std::span<float> pixels, const Colour& deviation);

DecodeOptions decode_options(const Preprocessing& preprocessing, Decoding decoding, int wanted_side);

Image pad_to_square(const Image& image, const std::string& where);

/// Mirroring before the resize is not the same as after: the grid of the plain bilinear resize is not symmetric.
enum class Mirror { kNo, kBefore, kAfter };

/// @param mean subtracted from the result
void resize_crop(const Image& image, ImageSize scaled, const Window& crop, Mirror mirror,
                 const Preprocessing& preprocessing, const Colour& mean, std::span<float> output);

void mirror_copy(std::span<const float> from, std::span<float> to, int side);

/// Evaluation's crop before the deviation divides.
void evaluate_crop(std::span<const uint8_t> encoded, const std::string& where, const Preprocessing& preprocessing,
                   Decoding decoding, std::span<float> output);

}  // namespace assemble
