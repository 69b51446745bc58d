// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// Operations of torchvision's TrivialAugmentWide and RandAugment on 8-bit RGB images, with the pixels that torchvision
/// and Pillow give for PIL images: geometric ones take the nearest pixel and fill with black.
///
/// Those of AutoAugment are the original's and differ: gray filling, corners as centre of pixels, and other grays.
enum class RandomOperation {
  kIdentity,
  kShearX,        ///< x + m · y
  kShearY,        ///< y + m · x
  kTranslateX,    ///< int(m) pixels to the right
  kTranslateY,    ///< int(m) pixels down
  kRotate,        ///< m degrees about the centre, counter-clockwise
  kBrightness,    ///< blends with black by the factor 1 + m, as all of these four
  kColor,         ///< with its gray values
  kContrast,      ///< with its mean gray value
  kSharpness,     ///< with a smoothed image
  kPosterize,     ///< keeps the upper m bits
  kSolarize,      ///< inverts what is at or above m
  kAutoContrast,  ///< stretches each channel to 0…255
  kEqualize,      ///< flattens each channel's histogram
};
constexpr int kRandomOperations = 14;

/// Which operations an image gets.
struct RandomAugment {
  static constexpr int kMagnitudes = 31;  ///< of an operation, from the weakest

  /// TrivialAugment (Müller & Hutter, arXiv 2103.10158), wide: one operation at a magnitude drawn anew. Otherwise
  /// RandAugment (Cubuk et al., arXiv 1909.13719): `operations` of them, each at `magnitude`.
  bool trivial_wide = false;
  int operations = 2;
  int magnitude = 9;  ///< 0 … 30

  /// "trivial-wide"; "rand", "rand-m15", "rand-m9-n2": magnitude and number of operations.
  /// @throws UsageError for other names, and for numbers out of range
  static RandomAugment parse(const std::string& name);
  bool operator==(const RandomAugment&) const = default;
};

/// An operation with what is random about it decided.
struct DrawnChange {
  RandomOperation operation = RandomOperation::kIdentity;
  double magnitude = 0;  ///< as RandomOperation says it
};

/// Magnitude of an operation at a step of 0 … 30, without its sign, for an image of this size.
double random_magnitude(const RandomAugment& augment, RandomOperation operation, int step, int height, int width);

/// What one image gets: operations evenly; signs, where they have one, with probability ½.
std::vector<DrawnChange> draw_changes(const RandomAugment& augment, int height, int width, Random& random);

/// Changes the image in place; its size stays.
void apply_change(Image& image, const DrawnChange& change);

/// draw_changes() and apply_change() of each.
void random_augment(Image& image, const RandomAugment& augment, Random& random);

}  // namespace assemble
