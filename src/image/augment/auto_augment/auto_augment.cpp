// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/auto_augment.h"

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "augment/auto_augment/operations.h"

namespace assemble {
namespace {

constexpr double kMaxLevel = 10;
constexpr double kTranslatePixels = 250;
constexpr double kCutoutPixels = 100;

constexpr const char* kNames[] = {"AutoContrast", "Equalize",   "Invert",     "Rotate",     "Posterize", "Solarize",
                                  "SolarizeAdd",  "Color",      "Contrast",   "Brightness", "Sharpness", "ShearX",
                                  "ShearY",       "TranslateX", "TranslateY", "Cutout"};

}  // namespace

const char* operation_name(AugmentOperation operation) { return kNames[static_cast<size_t>(operation)]; }

AugmentOperation parse_augment_operation(const std::string& name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (to_lower(kNames[i]) == to_lower(name)) return static_cast<AugmentOperation>(i);
  }
  const std::vector<std::string> names(std::begin(kNames), std::end(kNames));
  throw UsageError("operation '" + name + "'", "unknown, expected one of " + join(names, ", "));
}

std::vector<DrawnOperation> draw_operations(const AutoAugmentPolicy& policy, Random& random) {
  std::vector<DrawnOperation> drawn;
  for (const AugmentStep& step : policy.sub_policies[random.integer(policy.sub_policies.size())]) {
    if (!random.bernoulli(step.probability)) continue;
    const bool negated = random.bernoulli(0.5);
    drawn.push_back({step.operation, step.level, negated, random.uniform(), random.uniform()});
  }
  return drawn;
}

void apply_operation(Image& image, const DrawnOperation& operation) {
  const double level = operation.level / kMaxLevel;
  const auto truncated = [&](double largest) { return static_cast<int>(level * largest); };
  const auto with_sign = [&](double largest) {
    return static_cast<float>((operation.negated ? -level : level) * largest);
  };
  const float blend_factor = static_cast<float>(level * 1.8 + 0.1);
  switch (operation.operation) {
    case AugmentOperation::kAutoContrast:
      return augment::auto_contrast(image);
    case AugmentOperation::kEqualize:
      return augment::equalize(image);
    case AugmentOperation::kInvert:
      return augment::invert(image);
    case AugmentOperation::kRotate:
      return augment::rotate(image, with_sign(30));
    case AugmentOperation::kPosterize:
      return augment::posterize(image, truncated(4));
    case AugmentOperation::kSolarize:
      // The original's threshold is a byte, so 256 becomes 0.
      return augment::solarize(image, truncated(256) % 256);
    case AugmentOperation::kSolarizeAdd:
      return augment::solarize_add(image, truncated(110));
    case AugmentOperation::kColor:
      return augment::color(image, blend_factor);
    case AugmentOperation::kContrast:
      return augment::contrast(image, blend_factor);
    case AugmentOperation::kBrightness:
      return augment::brightness(image, blend_factor);
    case AugmentOperation::kSharpness:
      return augment::sharpness(image, blend_factor);
    case AugmentOperation::kShearX:
      return augment::shear_x(image, with_sign(0.3));
    case AugmentOperation::kShearY:
      return augment::shear_y(image, with_sign(0.3));
    case AugmentOperation::kTranslateX:
      return augment::translate_x(image, with_sign(kTranslatePixels));
    case AugmentOperation::kTranslateY:
      return augment::translate_y(image, with_sign(kTranslatePixels));
    case AugmentOperation::kCutout:
      return augment::cutout(image, static_cast<int>(operation.center_y * image.height),
                             static_cast<int>(operation.center_x * image.width), truncated(kCutoutPixels));
  }
}

void auto_augment(Image& image, const AutoAugmentPolicy& policy, Random& random) {
  for (const DrawnOperation& operation : draw_operations(policy, random)) apply_operation(image, operation);
}

}  // namespace assemble
