// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/heat_map.h"

#include <gtest/gtest.h>

#include <array>

#include "assemble/core/error.h"
#include "sample_images.h"

namespace assemble {
namespace {

using Pixel = std::array<int, 3>;

Pixel pixel(const Image& image, int y, int x) {
  const uint8_t* values = image.row(y) + 3 * x;
  return {values[0], values[1], values[2]};
}

Image gray_image(int height, int width, uint8_t gray = 100) {
  Image image = Image::create(height, width);
  std::fill(image.pixels.begin(), image.pixels.end(), gray);
  return image;
}

TEST(HeatMap, IsBrightWhereItsValuesAreAndClearWhereTheyAreNot) {
  const Image drawn = draw_heat_map(gray_image(40, 40), {2, 2, {0, 0, 0, 8}, {0, 0, 40, 40}});
  EXPECT_EQ(pixel(drawn, 0, 0), (Pixel{100, 100, 100})) << "gray stays where nothing is";
  const Pixel strongest = pixel(drawn, 39, 39);
  EXPECT_GT(strongest[0], 200);
  EXPECT_GT(strongest[1], 200);
  // Half-way between the middles of the cells a quarter is left.
  const Pixel between = pixel(drawn, 20, 20);
  EXPECT_GT(between[0], between[1]);
  EXPECT_LT(between[1], strongest[1]);
}

TEST(HeatMap, IsRelativeToItsLargestValue) {
  const Image image = test::wavy_image(20, 30);
  const EvaluationView all{0, 0, 20, 30};
  EXPECT_EQ(draw_heat_map(image, {1, 3, {1, 2, 4}, all}).pixels, draw_heat_map(image, {1, 3, {8, 16, 32}, all}).pixels);
  const Image none = draw_heat_map(gray_image(20, 30), {1, 3, {0, 0, 0}, all});
  EXPECT_EQ(none.pixels, gray_image(20, 30).pixels);
}

TEST(HeatMap, DarkensWhatLiesOutsideTheViewBehindAFrame) {
  const Image drawn = draw_heat_map(gray_image(50, 100), {1, 1, {0}, {0, 25, 50, 50}});
  EXPECT_EQ(pixel(drawn, 25, 50), (Pixel{100, 100, 100}));
  EXPECT_EQ(pixel(drawn, 25, 24), (Pixel{255, 255, 255}));
  EXPECT_EQ(pixel(drawn, 25, 5), (Pixel{30, 30, 30}));
  EXPECT_EQ(pixel(drawn, 0, 99), (Pixel{30, 30, 30}));
}

TEST(HeatMap, MayReachBeyondTheImage) {
  const Image drawn = draw_heat_map(gray_image(10, 20), {2, 1, {0, 1}, {-5, 0, 20, 20}});
  EXPECT_EQ(drawn.height, 10);
  EXPECT_GT(pixel(drawn, 9, 10)[0], pixel(drawn, 0, 10)[0]);
}

TEST(HeatMap, NeedsAValueForEachPlace) {
  EXPECT_THROW(draw_heat_map(gray_image(4, 4), {2, 2, {1, 2, 3}, {0, 0, 4, 4}}), UsageError);
  EXPECT_THROW(draw_heat_map(gray_image(4, 4), {0, 0, {}, {0, 0, 4, 4}}), UsageError);
}

}  // namespace
}  // namespace assemble
