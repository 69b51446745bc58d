// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/sample_box.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assemble {
namespace {

constexpr int kHeight = 375, kWidth = 500, kDraws = 20000;

TEST(SampleBox, WindowsKeepTheirLimits) {
  const SampleBoxOptions options;
  Random random(1, RandomPurpose::kAugment);
  for (int i = 0; i < kDraws; ++i) {
    const Window window = sample_box(kHeight, kWidth, {}, options, random);
    const double area = double(window.height) * window.width / (kHeight * kWidth);
    // Without a box the whole image is the object, of which 0.1 must be covered: stricter than the least area, 0.05.
    ASSERT_GE(area, 0.1);
    ASSERT_LE(area, 1.0);
    // The width is rounded to a whole pixel.
    ASSERT_GE(double(window.width) + 0.5, 0.75 * window.height);
    ASSERT_LE(double(window.width) - 0.5, 1.33 * window.height);
    ASSERT_GE(window.y, 0);
    ASSERT_GE(window.x, 0);
    ASSERT_TRUE(window.y + window.height < kHeight || window.height == kHeight);
    ASSERT_TRUE(window.x + window.width < kWidth || window.width == kWidth);
  }
}

/// What the algorithm gives in the limit of many pixels: height uniform over what area and aspect allow, places
/// uniform.
TEST(SampleBox, MomentsAreThoseOfTheAlgorithm) {
  const SampleBoxOptions options;
  Random random(2, RandomPurpose::kAugment);
  double area = 0, center_y = 0, center_x = 0, log_aspect = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Window window = sample_box(kHeight, kWidth, {}, options, random);
    area += double(window.height) * window.width / (kHeight * kWidth) / kDraws;
    center_y += (window.y + window.height / 2.0) / kHeight / kDraws;
    center_x += (window.x + window.width / 2.0) / kWidth / kDraws;
    log_aspect += std::log(double(window.width) / window.height) / kDraws;
  }
  double expected_area = 0, expected_log_aspect = 0, weight = 0;
  for (double aspect = 0.75; aspect < 1.33; aspect += 0.001) {
    const double image = double(kHeight) * kWidth;
    const double lowest = std::sqrt(0.05 * image / aspect);
    const double highest = std::min({std::sqrt(image / aspect), double(kHeight), kWidth / aspect});
    const double accepted_from = std::max(lowest, std::sqrt(0.1 * image / aspect));
    for (double share = 0.0005; share < 1; share += 0.001) {
      const double height = lowest + share * (highest - lowest);
      if (height < accepted_from) continue;
      expected_area += height * height * aspect / image;
      expected_log_aspect += std::log(aspect);
      weight += 1;
    }
  }
  EXPECT_NEAR(area, expected_area / weight, 0.01);
  EXPECT_NEAR(log_aspect, expected_log_aspect / weight, 0.01);
  EXPECT_NEAR(center_y, 0.5, 0.01);
  EXPECT_NEAR(center_x, 0.5, 0.01);
}

TEST(SampleBox, CoversShareOfSomeBox) {
  SampleBoxOptions options;
  options.min_object_covered = 0.5;
  const std::vector<BoundingBox> boxes{{0.1f, 0.1f, 0.3f, 0.3f}, {0.6f, 0.7f, 0.9f, 0.9f}};
  Random random(3, RandomPurpose::kAugment);
  for (int i = 0; i < 2000; ++i) {
    const Window window = sample_box(200, 200, boxes, options, random);
    double best = 0;
    for (const BoundingBox& box : boxes) {
      const double rows =
          std::min(window.y + window.height, int(box.ymax * 200)) - std::max(window.y, int(box.ymin * 200));
      const double columns =
          std::min(window.x + window.width, int(box.xmax * 200)) - std::max(window.x, int(box.xmin * 200));
      if (rows <= 0 || columns <= 0) continue;
      const double area =
          double(int(box.ymax * 200) - int(box.ymin * 200)) * (int(box.xmax * 200) - int(box.xmin * 200));
      best = std::max(best, rows * columns / area);
    }
    ASSERT_GE(best, 0.5);
  }
}

double covered_share(const Window& window, const Window& object) {
  const int rows = std::min(window.y + window.height, object.y + object.height) - std::max(window.y, object.y);
  const int columns = std::min(window.x + window.width, object.x + object.width) - std::max(window.x, object.x);
  return double(std::max(rows, 0)) * std::max(columns, 0) / (double(object.height) * object.width);
}

/// With a box, windows are those drawn without that condition of which enough covers the box; what no attempt gives is
/// the whole image, as often as all attempts fail.
TEST(SampleBox, WithABoxItIsRejectionSamplingAndFallsBackAsOften) {
  const std::vector<BoundingBox> boxes{{0.5f, 0.6f, 0.75f, 0.8f}};
  const Window object{50, 90, 25, 30};
  SampleBoxOptions options, unconditional;
  options.min_object_covered = 0.3;
  options.max_attempts = 2;
  options.max_area = unconditional.max_area = 0.5;
  unconditional.min_object_covered = 0;
  Random random(6, RandomPurpose::kAugment), other(7, RandomPurpose::kAugment);
  double windows = 0, area = 0, center_y = 0, center_x = 0;
  double accepted = 0, expected_area = 0, expected_y = 0, expected_x = 0;
  for (int i = 0; i < kDraws; ++i) {
    const Window window = sample_box(100, 150, boxes, options, random);
    if (window != Window{0, 0, 100, 150}) {
      ASSERT_GE(covered_share(window, object), 0.3);
      windows += 1;
      area += double(window.height) * window.width / 15000;
      center_y += window.y + window.height / 2.0;
      center_x += window.x + window.width / 2.0;
    }
    const Window drawn = sample_box(100, 150, boxes, unconditional, other);
    if (covered_share(drawn, object) < 0.3) continue;
    accepted += 1;
    expected_area += double(drawn.height) * drawn.width / 15000;
    expected_y += drawn.y + drawn.height / 2.0;
    expected_x += drawn.x + drawn.width / 2.0;
  }
  const double rate = accepted / kDraws;
  EXPECT_NEAR(windows / kDraws, 1 - (1 - rate) * (1 - rate), 0.015);
  EXPECT_GT(windows / kDraws, 0.05);
  EXPECT_NEAR(area / windows, expected_area / accepted, 0.01);
  EXPECT_NEAR(center_y / windows, expected_y / accepted, 1);
  EXPECT_NEAR(center_x / windows, expected_x / accepted, 1);
}

TEST(SampleBox, ImpossibleOptionsGiveTheWholeImage) {
  SampleBoxOptions options;
  options.min_area = options.max_area = 1;
  options.min_aspect = options.max_aspect = 1;
  Random random(4, RandomPurpose::kAugment);
  EXPECT_EQ(sample_box(100, 300, {}, options, random), (Window{0, 0, 100, 300}));
  EXPECT_EQ(sample_box(100, 100, {}, options, random), (Window{0, 0, 100, 100}));
  options.max_attempts = 0;
  EXPECT_EQ(sample_box(100, 100, {}, options, random), (Window{0, 0, 100, 100}));
}

TEST(SampleBox, TinyAndLongImagesGiveWindowsInside) {
  Random random(5, RandomPurpose::kAugment);
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 1000}, {1000, 1}, {2, 3}, {5000, 7}}) {
    for (int i = 0; i < 200; ++i) {
      const Window window = sample_box(height, width, {}, {}, random);
      ASSERT_GE(window.height, 1);
      ASSERT_GE(window.width, 1);
      ASSERT_LE(window.y + window.height, height);
      ASSERT_LE(window.x + window.width, width);
    }
  }
}

TEST(SampleBox, SameStreamGivesTheSameWindow) {
  Random one(9, RandomPurpose::kAugment, 2, 5), two(9, RandomPurpose::kAugment, 2, 5);
  EXPECT_EQ(sample_box(100, 120, {}, {}, one), sample_box(100, 120, {}, {}, two));
}

}  // namespace
}  // namespace assemble
