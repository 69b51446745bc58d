// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/image/image.h"

namespace assemble {

/// Operations of AutoAugment (Cubuk et al., arXiv 1805.09501) on 8-bit RGB images, with the magnitudes and the rounding
/// of the original (its preprocessing/autoaugment.py). A level is in 0…10; geometric operations take the nearest pixel
/// and fill with gray (128).
enum class AugmentOperation {
  kAutoContrast,  ///< stretches each channel to 0…255; level unused
  kEqualize,      ///< flattens each channel's histogram; level unused
  kInvert,        ///< 255 - x; level unused
  kRotate,        ///< ± 3 · level degrees about the centre
  kPosterize,     ///< keeps the upper int(0.4 · level) bits, at least one
  kSolarize,      ///< inverts what is at or above int(25.6 · level); at level 10 everything, as the original does
  kSolarizeAdd,   ///< adds int(11 · level) to what is below 128
  kColor,         ///< blends with gray by the factor 0.18 · level + 0.1
  kContrast,      ///< blends with the constant min(height · width / 256, 255), as the original does, by that factor
  kBrightness,    ///< blends with black by that factor
  kSharpness,     ///< blends with a smoothed image by that factor; the border stays
  kShearX,        ///< x + a · y, a = ± 0.03 · level
  kShearY,        ///< y + a · x
  kTranslateX,    ///< ± 25 · level pixels
  kTranslateY,    ///< the same along the height
  kCutout,        ///< gray square of side 2 · int(10 · level) pixels, cut at the borders, around a random pixel
};

/// The published name, "AutoContrast" … "Cutout".
const char* operation_name(AugmentOperation operation);
/// By name, in any case. @throws UsageError listing the names
AugmentOperation parse_augment_operation(const std::string& name);

/// One step of a policy.
struct AugmentStep {
  AugmentOperation operation;
  double probability;
  int level;
};

/// A set of sub-policies of two steps each, of which every image gets one.
struct AutoAugmentPolicy {
  using SubPolicy = std::array<AugmentStep, 2>;

  std::string_view name;
  std::span<const SubPolicy> sub_policies;
};

/// The published policies: imagenet, good (the original's, for fine-tuning), cifar10, svhn, v0 (found on COCO).
std::vector<std::string> auto_augment_policy_names();
/// @return a policy with static lifetime
/// @throws UsageError listing the policies
const AutoAugmentPolicy& auto_augment_policy(const std::string& name);

/// An operation with everything random about it decided.
struct DrawnOperation {
  AugmentOperation operation = AugmentOperation::kInvert;
  int level = 0;
  bool negated = false;  ///< the other direction, for rotation, shear and translation
  double center_y = 0;   ///< of a cutout, shares of height and width in [0, 1)
  double center_x = 0;
};

/// What one image gets: a sub-policy, each step of it with its probability, each sign with probability ½.
std::vector<DrawnOperation> draw_operations(const AutoAugmentPolicy& policy, Random& random);

/// Changes the image in place; its size stays.
void apply_operation(Image& image, const DrawnOperation& operation);

/// draw_operations() and apply_operation() of each.
void auto_augment(Image& image, const AutoAugmentPolicy& policy, Random& random);

}  // namespace assemble
