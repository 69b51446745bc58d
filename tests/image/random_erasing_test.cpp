// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/random_erasing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace assemble {
namespace {

constexpr int kSide = 200, kDraws = 40000;

TEST(RandomErasing, HasTheMomentsOfItsDistribution) {
  const RandomErasing options{.probability = 0.25};
  double erased = 0, area = 0, log_aspect = 0, y = 0, x = 0;
  for (uint64_t sample = 0; sample < kDraws; ++sample) {
    Random random(1, RandomPurpose::kAugment, 0, sample);
    const auto window = draw_erased(kSide, kSide, options, random);
    if (!window) continue;
    ASSERT_GE(window->y, 0);
    ASSERT_GE(window->x, 0);
    ASSERT_LE(window->y + window->height, kSide);
    ASSERT_LE(window->x + window->width, kSide);
    ++erased;
    area += double(window->height) * window->width / (kSide * kSide);
    log_aspect += std::log(double(window->height) / window->width);
    y += (window->y + window->height / 2.0) / kSide;
    x += (window->x + window->width / 2.0) / kSide;
  }
  // Rectangles that do not fit are drawn again, so the area's mean is that of those that fit: side · max(√a, 1/√a) < 1.
  double fitting_area = 0, fitting = 0;
  for (double share = 0.02; share < 1.0 / 3; share += 0.0005) {
    for (double log_ratio = std::log(0.3); log_ratio < -std::log(0.3); log_ratio += 0.005) {
      if (std::sqrt(share * std::exp(std::abs(log_ratio))) >= 1) continue;
      fitting_area += share;
      fitting += 1;
    }
  }
  EXPECT_NEAR(erased / kDraws, 0.25, 0.011);
  EXPECT_NEAR(area / erased, fitting_area / fitting, 0.005);
  EXPECT_NEAR(log_aspect / erased, 0, 0.04);
  EXPECT_NEAR(y / erased, 0.5, 0.01);
  EXPECT_NEAR(x / erased, 0.5, 0.01);
}

TEST(RandomErasing, IsOffByDefaultAndGivesUpWhenNothingFits) {
  Random random(2, RandomPurpose::kAugment);
  EXPECT_FALSE(draw_erased(10, 10, {}, random));
  EXPECT_FALSE(draw_erased(1, 1, {.probability = 1}, random));
  EXPECT_FALSE(draw_erased(50, 50, {.probability = 1, .max_attempts = 0}, random));
}

TEST(RandomErasing, SetsTheWindowToZero) {
  std::vector<float> pixels(3 * 4 * 3, 7);
  erase(pixels, 4, {1, 2, 2, 1});
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) EXPECT_EQ(pixels[(y * 4 + x) * 3 + 1], y >= 1 && x == 2 ? 0 : 7) << y << ", " << x;
  }
}

}  // namespace
}  // namespace assemble
