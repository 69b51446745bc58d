// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// AugMix (Hendrycks et al., arXiv 1912.02781) as published: an image mixed with chains of operations on itself.
struct AugMix {
  int severity = 0;   ///< largest level of an operation, 1 … 10; 0: off
  int width = 3;      ///< chains
  int max_depth = 3;  ///< operations of a chain: drawn from 1 to this
  double alpha = 1;   ///< of Dirichlet(α, …), the chains' weights, and of Beta(α, α), the weight of all chains
  /// Of each image: 1, the mixed one; 3, itself and two mixed ones, for the Jensen-Shannon loss.
  int views = 1;
};

enum class AugMixOperation {
  kAutoContrast,
  kEqualize,
  kPosterize,  ///< keeps 4 - int(0.4 · level) bits, at least one
  kRotate,     ///< ± int(3 · level) degrees
  kSolarize,   ///< inverts what is at or above 256 - int(25.6 · level)
  kShearX,     ///< ± 0.03 · level
  kShearY,
  kTranslateX,  ///< ± int(level · side / 30) pixels
  kTranslateY,
};
constexpr int kAugMixOperations = 9;

/// An operation as Pillow does it; rotation, shearing and shifts interpolate bilinearly and fill with black.
/// @param level in [0, 10], negated for the other direction
void apply_aug_mix_operation(Image& image, AugMixOperation operation, double level, bool negated);

/// Mixes one view of an image.
/// @param mixed RGB in [0, 255], as many values as the image has
void aug_mix(const Image& image, const AugMix& options, Random& random, std::span<float> mixed);

}  // namespace assemble
