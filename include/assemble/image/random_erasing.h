// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// Random erasing (Zhong et al., arXiv 1708.04896) with torchvision's and timm's defaults: a rectangle becomes 0 in the
/// network's input, which is the mean colour.
struct RandomErasing {
  double probability = 0;  ///< 0 is off
  double min_area = 0.02;  ///< share of the image
  double max_area = 1.0 / 3;
  double min_aspect = 0.3;  ///< height / width, drawn uniformly on a logarithmic scale
  double max_aspect = 1 / 0.3;
  int max_attempts = 10;  ///< to find a rectangle that fits
};

/// A rectangle inside the image, or nothing: with 1 - probability, and when no attempt fits.
std::optional<Window> draw_erased(int height, int width, const RandomErasing& options, Random& random);

/// Sets a rectangle of an HWC image of 3 channels to 0.
void erase(std::span<float> pixels, int width, const Window& window);

}  // namespace assemble
