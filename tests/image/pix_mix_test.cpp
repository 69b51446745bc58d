// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/pix_mix.h"

#include <gmock/gmock.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/image/fractals.h"
#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

std::optional<PixMixChange> change_of(const nlohmann::json& stored) {
  if (stored.is_null()) return std::nullopt;
  return PixMixChange{static_cast<AugMixOperation>(stored[0].get<int>()), stored[1], stored[2]};
}

/// Whole images of the published code, with the operations, levels and weights that it drew.
TEST(PixMix, ImagesAreThoseOfThePublishedCode) {
  const auto cases = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/pix_mix.json")));
  const SafetensorsFile file(test::stored_golden("techniques/pix_mix.safetensors"));
  double largest = 0;
  std::set<std::string> kinds;
  for (size_t i = 0; i < cases.size(); ++i) {
    PixMixPlan plan{change_of(cases[i].at("first")), {}};
    for (const nlohmann::json& round : cases[i].at("rounds")) {
      plan.rounds.push_back({change_of(round[0]), round[1], round[2], round[3]});
      kinds.insert(concat(round[0].is_null() ? "picture" : "change", round[1].get<bool>(), plan.rounds.back().b > 0));
    }
    const std::string number = std::to_string(i);
    const Image image = test::read_image(file, "image/" + number);
    std::vector<float> mixed(image.pixels.size());
    pix_mix(image, test::read_image(file, "picture/" + number), plan, mixed);
    const std::vector<float> published = file.read_f32("mixed/" + number);
    for (size_t at = 0; at < mixed.size(); ++at) {
      largest = std::max(largest, std::abs(double{mixed[at]} / 255 - published[at]));
    }
  }
  std::cout << cases.size() << " images, max difference " << largest << " of 1\n";
  EXPECT_LT(largest, 1e-6);
  EXPECT_EQ(kinds.size(), 8u) << "pictures and changed copies, added and multiplied, with weights of both signs";
}

/// As often as published: half of all begin changed, 0 to k rounds alike, half of them each kind.
TEST(PixMix, DrawsAsPublished) {
  constexpr int kPlans = 4000;
  double first = 0, rounds = 0, changes = 0, products = 0, positive = 0, weight = 0, strength = 0;
  for (uint64_t sample = 0; sample < kPlans; ++sample) {
    Random random(1, RandomPurpose::kAugment, 0, sample);
    const PixMixPlan plan = draw_pix_mix({.rounds = 4, .severity = 3, .beta = 3}, random);
    first += plan.first.has_value();
    for (const PixMixRound& round : plan.rounds) {
      ++rounds;
      changes += round.change.has_value();
      products += round.multiplies;
      positive += round.b > 0;
      weight += round.b > 0 ? round.a : round.a - 1;  // Beta(3, 1) and Beta(1, 3)
      strength += std::abs(round.b);                  // Beta(1, 3)
      if (round.change) {
        EXPECT_TRUE(round.change->level >= 0.1 && round.change->level < 3);
      }
    }
  }
  EXPECT_NEAR(first / kPlans, 0.5, 0.03);
  EXPECT_NEAR(rounds / kPlans, 2, 0.1);
  EXPECT_NEAR(changes / rounds, 0.5, 0.03);
  EXPECT_NEAR(products / rounds, 0.5, 0.03);
  EXPECT_NEAR(positive / rounds, 0.5, 0.03);
  EXPECT_NEAR(weight / rounds, (0.75 + 0.25) / 2, 0.03);
  EXPECT_NEAR(strength / rounds, 0.25, 0.02);
}

TEST(PixMix, MixesWithPicturesAndWithTheImageItself) {
  const Image image = test::wavy_image(16, 16);
  const std::vector<Image> pictures = draw_fractals(3, 20, 1);
  const std::vector<float> own(image.pixels.begin(), image.pixels.end());
  int untouched = 0;
  std::set<std::vector<float>> different;
  for (uint64_t sample = 0; sample < 300; ++sample) {
    std::vector<float> mixed(own.size()), again(own.size());
    for (std::vector<float>* output : {&mixed, &again}) {
      Random random(1, RandomPurpose::kAugment, 0, sample);
      pix_mix(image, {.rounds = 4}, pictures, random, *output);
    }
    EXPECT_EQ(mixed, again);
    for (const float value : mixed) ASSERT_TRUE(value >= 0 && value <= 255) << value;
    untouched += mixed == own;
    different.insert(mixed);
  }
  // Half of the images begin as they are, a fifth of them get no round.
  EXPECT_NEAR(untouched, 30, 20);
  EXPECT_GT(different.size(), 200u);
}

TEST(PixMix, TrainingAppliesItToTheCrop) {
  const Bytes file = encode_png(test::wavy_image(32, 32));
  Preprocessing preprocessing;
  preprocessing.train_size = 32;
  Augmentation plain, mixing;
  mixing.pix_mix.rounds = 4;
  mixing.draw_pictures(32, 5);
  int changed = 0;
  for (uint64_t sample = 0; sample < 20; ++sample) {
    std::vector<float> before(32 * 32 * 3), after(before.size());
    Random first(2, RandomPurpose::kAugment, 0, sample), second(2, RandomPurpose::kAugment, 0, sample);
    preprocess_train(file, "image", {}, preprocessing, plain, first, before);
    preprocess_train(file, "image", {}, preprocessing, mixing, second, after);
    changed += before != after;
  }
  EXPECT_GT(changed, 15);
  mixing.pictures = nullptr;
  std::vector<float> output(32 * 32 * 3);
  Random random(2, RandomPurpose::kAugment);
  EXPECT_THROW(preprocess_train(file, "image", {}, preprocessing, mixing, random, output), UsageError);
}

}  // namespace
}  // namespace assemble
