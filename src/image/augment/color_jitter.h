// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "assemble/core/random.h"

namespace assemble {

/// Brightness, contrast and saturation of RGB floats in [0, 255], each scaled by a factor uniform in
/// [max(0, 1 - strength), 1 + strength], in random order; results are clipped to [0, 255].
void color_jitter(std::span<float> pixels, double strength, Random& random);

/// Inception training's colour change: brightness moved by up to ±32, Cb and Cr each by up to ±25.5, uniformly and
/// alike for the whole image; results are clipped to [0, 255].
void shift_colors(std::span<float> pixels, Random& random);

}  // namespace assemble
