// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/pix_mix.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "assemble/core/math.h"

namespace assemble {
namespace {

constexpr double kLeastLevel = 0.1;
constexpr float kLeastBase = 1e-37f;  // of powers: of nothing, a negative one would be infinite
constexpr float kMost = 255;

PixMixChange draw_change(int severity, Random& random) {
  PixMixChange change{static_cast<AugMixOperation>(random.integer(kAugMixOperations))};
  change.level = random.uniform(kLeastLevel, severity);
  change.negated = random.bernoulli(0.5);
  return change;
}

std::pair<float, float> draw_weights(double beta, Random& random) {
  const bool adds = random.bernoulli(0.5);
  const auto a = static_cast<float>(adds ? random.beta(beta, 1) : random.beta(1, beta));
  const auto b = static_cast<float>(random.beta(1, beta));
  return adds ? std::pair(a, b) : std::pair(1 + a, -b);
}

Image changed(const Image& image, const PixMixChange& change) {
  Image copy = image;
  apply_aug_mix_operation(copy, change.operation, change.level, change.negated);
  return copy;
}

/// @param mixed in [0, 1]
void mix(std::span<float> mixed, const Image& other, const PixMixRound& round) {
  std::array<float, 256> parts{};  // of the other image's levels
  for (size_t level = 0; level < parts.size(); ++level) {
    const float twice = 2 * static_cast<float>(level) / kMost;
    parts[level] = round.multiplies ? math::pow(std::max(twice, kLeastBase), round.b) : round.b * (twice - 1);
  }
  for (size_t i = 0; i < mixed.size(); ++i) {
    const float part = parts[other.pixels[i]];
    const float value =
        round.multiplies ? math::pow(2 * mixed[i], round.a) * part / 2 : (round.a * (2 * mixed[i] - 1) + part + 1) / 2;
    mixed[i] = std::clamp(value, 0.f, 1.f);
  }
}

Image draw_crop(const Image& picture, const Image& image, Random& random) {
  const auto place = [&](int room) { return static_cast<int>(random.integer(static_cast<uint64_t>(room) + 1)); };
  const int y = place(picture.height - image.height), x = place(picture.width - image.width);
  return crop(picture, {y, x, image.height, image.width});
}

}  // namespace

PixMixPlan draw_pix_mix(const PixMix& options, Random& random) {
  const auto change_or_none = [&] {
    return random.bernoulli(0.5) ? std::optional(draw_change(options.severity, random)) : std::nullopt;
  };
  PixMixPlan plan{change_or_none(), {}};
  plan.rounds.resize(random.integer(static_cast<uint64_t>(options.rounds) + 1));
  for (PixMixRound& round : plan.rounds) {
    round.change = change_or_none();
    round.multiplies = random.bernoulli(0.5);
    std::tie(round.a, round.b) = draw_weights(options.beta, random);
  }
  return plan;
}

void pix_mix(const Image& image, const Image& picture, const PixMixPlan& plan, std::span<float> mixed) {
  const Image first = plan.first ? changed(image, *plan.first) : image;
  std::ranges::transform(first.pixels, mixed.begin(), [](uint8_t value) { return static_cast<float>(value) / kMost; });
  for (const PixMixRound& round : plan.rounds) {
    mix(mixed, round.change ? changed(image, *round.change) : picture, round);
  }
  for (float& value : mixed) value *= kMost;
}

void pix_mix(const Image& image, const PixMix& options, const std::vector<Image>& pictures, Random& random,
             std::span<float> mixed) {
  const Image picture = draw_crop(pictures[random.integer(pictures.size())], image, random);
  pix_mix(image, picture, draw_pix_mix(options, random), mixed);
}

}  // namespace assemble
