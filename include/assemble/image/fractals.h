// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// A picture of structure at every scale: attractors of random affine contractions (iterated function systems, Barnsley
/// 1988), drawn by the chaos game over a background that changes from one colour to another.
/// @param side height and width, pixels
Image draw_fractal(int side, Random& random);

/// Fractal number i is a function of the seed, the side and i. Every core draws.
std::vector<Image> draw_fractals(int count, int side, uint64_t seed);

}  // namespace assemble
