// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"

namespace assemble {
namespace {

Image gray_row(std::initializer_list<uint8_t> values) {
  Image image{1, static_cast<int>(values.size()), {}};
  for (const uint8_t value : values) image.pixels.insert(image.pixels.end(), 3, value);
  return image;
}

std::vector<float> resized(const Image& image, int height, int width, bool mirrored = false) {
  std::vector<float> output(static_cast<size_t>(height) * width * 3);
  resize_antialiased_crop(image, height, width, {0, 0, height, width}, mirrored, output);
  return output;
}

/// Four pixels to two: reach 2 about centres 1 and 3. The first is 0 · 3/7 + 80 · 3/7 + 160 · 1/7.
TEST(ResizeAntialiased, AveragesUnderATriangle) {
  const std::vector<float> output = resized(gray_row({0, 80, 160, 240}), 1, 2);
  EXPECT_NEAR(output[0], (0 * 3 + 80 * 3 + 160 * 1) / 7.0, 1e-4);
  EXPECT_NEAR(output[3], (80 * 1 + 160 * 3 + 240 * 3) / 7.0, 1e-4);
}

TEST(ResizeAntialiased, EnlargingInterpolatesBetweenCentres) {
  const std::vector<float> output = resized(gray_row({0, 100}), 1, 4);
  EXPECT_NEAR(output[0], 0, 1e-4);
  EXPECT_NEAR(output[3], 25, 1e-4);
  EXPECT_NEAR(output[6], 75, 1e-4);
  EXPECT_NEAR(output[9], 100, 1e-4);
}

TEST(ResizeAntialiased, TheSameSizeIsTheSameImage) {
  const std::vector<float> output = resized(gray_row({7, 3, 250}), 1, 3);
  EXPECT_FLOAT_EQ(output[0], 7);
  EXPECT_FLOAT_EQ(output[3], 3);
  EXPECT_FLOAT_EQ(output[6], 250);
}

TEST(ResizeAntialiased, MirrorsTheResult) {
  const std::vector<float> output = resized(gray_row({0, 80, 160, 240}), 1, 2);
  const std::vector<float> mirrored = resized(gray_row({0, 80, 160, 240}), 1, 2, true);
  EXPECT_FLOAT_EQ(mirrored[0], output[3]);
  EXPECT_FLOAT_EQ(mirrored[3], output[0]);
}

TEST(ResizeAntialiased, ACropIsAPartOfTheWhole) {
  Image image{9, 7, std::vector<uint8_t>(9 * 7 * 3)};
  for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(i * 37);
  const std::vector<float> whole = resized(image, 5, 4);
  std::vector<float> part(2 * 3 * 3);
  resize_antialiased_crop(image, 5, 4, {2, 1, 2, 3}, false, part);
  for (int y = 0; y < 2; ++y) {
    for (int i = 0; i < 9; ++i) EXPECT_FLOAT_EQ(part[y * 9 + i], whole[(y + 2) * 12 + 3 + i]);
  }
}

TEST(ResizeAntialiased, SizesThatDoNotFitAreErrors) {
  std::vector<float> output(3);
  EXPECT_THROW(resize_antialiased_crop(gray_row({1}), 1, 1, {0, 1, 1, 1}, false, output), UsageError);
  EXPECT_THROW(resize_antialiased_crop(gray_row({1}), 2, 2, {0, 0, 2, 2}, false, output), UsageError);
}

}  // namespace
}  // namespace assemble
