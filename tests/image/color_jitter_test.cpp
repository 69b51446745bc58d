// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/color_jitter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace assemble {
namespace {

TEST(ColorJitter, StrengthZeroChangesNothing) {
  std::vector<float> pixels{10, 20, 30, 200, 100, 50};
  Random random(1, RandomPurpose::kAugment);
  color_jitter(pixels, 0, random);
  const std::vector<float> expected{10, 20, 30, 200, 100, 50};
  for (size_t i = 0; i < pixels.size(); ++i) EXPECT_NEAR(pixels[i], expected[i], 1e-4);
}

TEST(ColorJitter, GrayPixelOnlyChangesBrightness) {
  // One gray pixel is its own mean and its own luma, so contrast and saturation leave it alone.
  double lowest = 1e9, highest = 0, sum = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    std::vector<float> pixels{100, 100, 100};
    Random random(1, RandomPurpose::kAugment, 0, i);
    color_jitter(pixels, 0.3, random);
    EXPECT_NEAR(pixels[0], pixels[2], 1e-3);
    lowest = std::min<double>(lowest, pixels[0]);
    highest = std::max<double>(highest, pixels[0]);
    sum += pixels[0] / 4000;
  }
  EXPECT_NEAR(lowest, 70, 0.5);
  EXPECT_NEAR(highest, 130, 0.5);
  EXPECT_NEAR(sum, 100, 1);
}

TEST(ColorJitter, ResultsAreClipped) {
  for (uint64_t i = 0; i < 200; ++i) {
    std::vector<float> pixels{0, 255, 255, 255, 0, 0};
    Random random(2, RandomPurpose::kAugment, 0, i);
    color_jitter(pixels, 3, random);
    for (const float value : pixels) ASSERT_TRUE(value >= 0 && value <= 255);
  }
}

}  // namespace
}  // namespace assemble
