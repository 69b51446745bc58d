// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/corruptions/hsv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace assemble::corruptions {
namespace {

using Color = std::array<uint8_t, 3>;

Color saturated(const Color& color, double factor, double raise) {
  Hsv hsv = to_hsv(color.data());
  hsv.saturation = std::clamp(hsv.saturation * factor + raise, 0.0, 1.0);
  Color result;
  to_rgb(hsv, result.data());
  return result;
}

// np.uint8(hsv2rgb(…) * 255) of scikit-image, one colour of each sextant and where two channels are equal. 0.1 leaves
// (200, 192, 184) but for rounding.
TEST(CorruptionHsv, CutsOffWhereScikitImageDoes) {
  const std::array<Color, 10> colors{{{200, 120, 40},
                                      {120, 200, 40},
                                      {40, 200, 200},
                                      {200, 40, 200},
                                      {17, 17, 17},
                                      {0, 0, 0},
                                      {30, 100, 250},
                                      {255, 254, 253},
                                      {40, 120, 200},
                                      {200, 200, 40}}};
  const std::array<Color, 10> paler{{{200, 192, 183},
                                     {192, 200, 183},
                                     {183, 200, 200},
                                     {200, 183, 200},
                                     {17, 17, 17},
                                     {0, 0, 0},
                                     {228, 235, 250},
                                     {255, 254, 254},
                                     {183, 192, 200},
                                     {200, 200, 183}}};
  const std::array<Color, 10> stronger{{{200, 100, 0},
                                        {100, 200, 0},
                                        {0, 200, 200},
                                        {200, 0, 200},
                                        {17, 15, 15},
                                        {0, 0, 0},
                                        {0, 79, 250},
                                        {255, 237, 219},
                                        {0, 100, 200},
                                        {200, 200, 0}}};
  for (size_t i = 0; i < colors.size(); ++i) {
    EXPECT_EQ(saturated(colors[i], 0.1, 0), paler[i]) << i;
    EXPECT_EQ(saturated(colors[i], 5, 0.1), stronger[i]) << i;
  }
}

// A table where it decides, else the long way.
TEST(CorruptionHsv, BrighteningIsTheWayThroughHsv) {
  constexpr int kStep = 15;
  Image colors{1, 0, {}};
  for (int red = 0; red < 256; red += kStep) {
    for (int green = 0; green < 256; green += kStep) {
      for (int blue = 0; blue < 256; blue += kStep) {
        for (const int value : {red, green, blue}) colors.pixels.push_back(static_cast<uint8_t>(value));
        ++colors.width;
      }
    }
  }
  for (const double raise : {-0.3, -0.02, 0.0, 0.1, 0.5}) {
    const Image result = Brightening(raise).apply(colors);
    for (size_t i = 0; i < colors.pixels.size(); i += 3) {
      Hsv hsv = to_hsv(colors.pixels.data() + i);
      hsv.value = std::clamp(hsv.value + raise, 0.0, 1.0);
      Color expected;
      to_rgb(hsv, expected.data());
      for (size_t c = 0; c < 3; ++c) ASSERT_EQ(result.pixels[i + c], expected[c]) << raise << " " << i;
    }
  }
}

}  // namespace
}  // namespace assemble::corruptions
