// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/aug_mix.h"

#include <algorithm>
#include <numeric>

#include "augment/auto_augment/operations.h"
#include "augment/random_augment/pillow_operations.h"

namespace assemble {
namespace {

constexpr double kMostLevels = 10;
constexpr double kLeastLevel = 0.1;

std::vector<double> draw_weights(int count, double alpha, Random& random) {
  std::vector<double> weights(static_cast<size_t>(count));
  for (double& weight : weights) weight = random.gamma(alpha);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= sum;
  return weights;
}

Image draw_chain(const Image& image, const AugMix& options, Random& random) {
  Image chain = image;
  const auto depth = 1 + random.integer(static_cast<uint64_t>(options.max_depth));
  for (uint64_t i = 0; i < depth; ++i) {
    const auto operation = static_cast<AugMixOperation>(random.integer(kAugMixOperations));
    const double level = random.uniform(kLeastLevel, options.severity);
    apply_aug_mix_operation(chain, operation, level, random.bernoulli(0.5));
  }
  return chain;
}

void add(std::span<float> sum, const Image& image, double weight) {
  const auto factor = static_cast<float>(weight);
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += factor * image.pixels[i];
}

}  // namespace

void apply_aug_mix_operation(Image& image, AugMixOperation operation, double level, bool negated) {
  const double sign = negated ? -1 : 1;
  const auto whole = [&](double largest) { return static_cast<int>(level * largest / kMostLevels); };
  const double shear = sign * level * 0.3 / kMostLevels;
  switch (operation) {
    case AugMixOperation::kAutoContrast:
      return augment::auto_contrast_double(image);
    case AugMixOperation::kEqualize:
      return augment::equalize(image);
    case AugMixOperation::kPosterize:
      return augment::posterize(image, 4 - whole(4));
    case AugMixOperation::kRotate:
      return augment::pillow_rotate(image, sign * whole(30), augment::Sampling::kBilinear);
    case AugMixOperation::kSolarize:
      return augment::solarize(image, 256 - whole(256));
    case AugMixOperation::kShearX:
      return augment::pillow_shear(image, shear, 0, augment::Sampling::kBilinear);
    case AugMixOperation::kShearY:
      return augment::pillow_shear(image, 0, shear, augment::Sampling::kBilinear);
    case AugMixOperation::kTranslateX:
      return augment::pillow_translate(image, static_cast<int>(-sign) * whole(image.width / 3.0), 0);
    case AugMixOperation::kTranslateY:
      return augment::pillow_translate(image, 0, static_cast<int>(-sign) * whole(image.height / 3.0));
  }
}

void aug_mix(const Image& image, const AugMix& options, Random& random, std::span<float> mixed) {
  const std::vector<double> weights = draw_weights(options.width, options.alpha, random);
  const double share = random.beta(options.alpha, options.alpha);
  std::fill(mixed.begin(), mixed.end(), 0.f);
  add(mixed, image, 1 - share);
  for (const double weight : weights) add(mixed, draw_chain(image, options, random), share * weight);
}

}  // namespace assemble
