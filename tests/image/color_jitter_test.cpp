// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/augment/color_jitter.h"

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

/// The three shifts, recovered from what they do to a gray pixel, are uniform in ±32, ±25.5 and ±25.5.
TEST(ShiftColors, HasUniformBrightnessAndChroma) {
  constexpr int kDraws = 20000;
  double sum[3] = {}, squares[3] = {};
  for (uint64_t i = 0; i < kDraws; ++i) {
    std::vector<float> pixels{128, 128, 128};
    Random random(3, RandomPurpose::kAugment, 0, i);
    shift_colors(pixels, random);
    const double r = pixels[0] - 128, g = pixels[1] - 128, b = pixels[2] - 128;
    const double brightness = 0.299 * r + 0.587 * g + 0.114 * b;
    const double shifts[] = {brightness, (b - brightness) / 1.772, (r - brightness) / 1.402};
    const double limits[] = {32, 25.5, 25.5};
    for (int k = 0; k < 3; ++k) {
      ASSERT_LE(std::abs(shifts[k]), limits[k] + 0.01);
      sum[k] += shifts[k] / limits[k];
      squares[k] += shifts[k] * shifts[k] / (limits[k] * limits[k]);
    }
  }
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(sum[k] / kDraws, 0, 0.02);
    EXPECT_NEAR(squares[k] / kDraws, 1.0 / 3, 0.01);
  }
}

}  // namespace
}  // namespace assemble
