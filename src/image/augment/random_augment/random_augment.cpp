// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/random_augment.h"

#include <charconv>
#include <cmath>
#include <string_view>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "augment/auto_augment/operations.h"
#include "augment/random_augment/pillow_operations.h"

namespace assemble {
namespace {

using enum RandomOperation;

constexpr int kLast = RandomAugment::kMagnitudes - 1;
constexpr int kMostOperations = 100;

/// torch.linspace's value of a step, to the bit: in float with fused products, from the nearer end.
double between(double begin, double end, int step) {
  const float first = static_cast<float>(begin), last = static_cast<float>(end);
  const float width = (last - first) / static_cast<float>(kLast);
  return step < RandomAugment::kMagnitudes / 2 ? std::fma(width, static_cast<float>(step), first)
                                               : std::fma(-width, static_cast<float>(kLast - step), last);
}

bool is_signed(RandomOperation operation) { return operation >= kShearX && operation <= kSharpness; }
bool has_magnitude(RandomOperation operation) { return operation >= kShearX && operation <= kSolarize; }

/// A whole number after a letter. @return whether there is one, in the range
bool read_whole(std::string_view part, int least, int most, int& value) {
  const auto [end, error] = std::from_chars(part.data() + 1, part.data() + part.size(), value);
  return error == std::errc() && end == part.data() + part.size() && value >= least && value <= most;
}

}  // namespace

RandomAugment RandomAugment::parse(const std::string& name) {
  if (name == "trivial-wide") return {.trivial_wide = true};
  RandomAugment result;
  const std::vector<std::string> parts = split(name, '-');
  bool fits = !parts.empty() && parts[0] == "rand";
  for (size_t i = 1; fits && i < parts.size(); ++i) {
    if (parts[i].starts_with('m')) {
      fits = read_whole(parts[i], 0, kLast, result.magnitude);
    } else {
      fits = parts[i].starts_with('n') && read_whole(parts[i], 1, kMostOperations, result.operations);
    }
  }
  if (fits) return result;
  throw UsageError(concat("augmentation '", name, "'"), "is none",
                   "write trivial-wide, rand or rand-mM-nN with a magnitude M of 0 … 30 and N operations, 1 … 100");
}

double random_magnitude(const RandomAugment& augment, RandomOperation operation, int step, int height, int width) {
  const bool wide = augment.trivial_wide;
  switch (operation) {
    case kShearX:
    case kShearY:
      return between(0, wide ? 0.99 : 0.3, step);
    case kTranslateX:
      return between(0, wide ? 32 : 150.0 / 331.0 * width, step);
    case kTranslateY:
      return between(0, wide ? 32 : 150.0 / 331.0 * height, step);
    case kRotate:
      return between(0, wide ? 135 : 30, step);
    case kBrightness:
    case kColor:
    case kContrast:
    case kSharpness:
      return between(0, wide ? 0.99 : 0.9, step);
    case kPosterize:
      return 8 - std::nearbyint(step / (kLast / (wide ? 6.0 : 4.0)));
    case kSolarize:
      return between(255, 0, step);
    case kIdentity:
    case kAutoContrast:
    case kEqualize:
      break;
  }
  return 0;
}

std::vector<DrawnChange> draw_changes(const RandomAugment& augment, int height, int width, Random& random) {
  std::vector<DrawnChange> drawn;
  for (int i = 0; i < (augment.trivial_wide ? 1 : augment.operations); ++i) {
    DrawnChange change{static_cast<RandomOperation>(random.integer(kRandomOperations))};
    if (has_magnitude(change.operation)) {
      const int step =
          augment.trivial_wide ? static_cast<int>(random.integer(RandomAugment::kMagnitudes)) : augment.magnitude;
      change.magnitude = random_magnitude(augment, change.operation, step, height, width);
    }
    if (is_signed(change.operation) && random.bernoulli(0.5)) change.magnitude = -change.magnitude;
    drawn.push_back(change);
  }
  return drawn;
}

void apply_change(Image& image, const DrawnChange& change) {
  const double magnitude = change.magnitude;
  const auto factor = static_cast<float>(1 + magnitude);
  switch (change.operation) {
    case kIdentity:
      return;
    case kShearX:
      return augment::pillow_shear(image, magnitude, 0);
    case kShearY:
      return augment::pillow_shear(image, 0, magnitude);
    case kTranslateX:
      return augment::pillow_translate(image, static_cast<int>(magnitude), 0);
    case kTranslateY:
      return augment::pillow_translate(image, 0, static_cast<int>(magnitude));
    case kRotate:
      return augment::pillow_rotate(image, magnitude);
    case kBrightness:
      return augment::brightness(image, factor);
    case kColor:
      return augment::pillow_color(image, factor);
    case kContrast:
      return augment::pillow_contrast(image, factor);
    case kSharpness:
      return augment::pillow_sharpness(image, factor);
    case kPosterize:
      return augment::posterize(image, static_cast<int>(magnitude));
    case kSolarize:
      return augment::solarize(image, static_cast<int>(std::ceil(magnitude)));
    case kAutoContrast:
      return augment::auto_contrast_double(image);
    case kEqualize:
      return augment::equalize(image);
  }
}

void random_augment(Image& image, const RandomAugment& augment, Random& random) {
  for (const DrawnChange& change : draw_changes(augment, image.height, image.width, random)) {
    apply_change(image, change);
  }
}

}  // namespace assemble
