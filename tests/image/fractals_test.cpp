// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/fractals.h"

#include <gtest/gtest.h>

#include <cmath>

namespace assemble {
namespace {

TEST(Fractals, AreFunctionsOfSeedSideAndNumber) {
  const std::vector<Image> some = draw_fractals(6, 40, 3);
  EXPECT_EQ(draw_fractals(6, 40, 3)[5].pixels, some[5].pixels);
  EXPECT_EQ(draw_fractals(2, 40, 3)[1].pixels, some[1].pixels) << "however many there are";
  EXPECT_NE(some[0].pixels, some[1].pixels);
  EXPECT_NE(draw_fractals(1, 40, 4)[0].pixels, some[0].pixels);
  for (const Image& image : some) {
    EXPECT_EQ(image.height, 40);
    EXPECT_EQ(image.pixels.size(), 40u * 40 * 3);
  }
}

/// Neighbours differ: a background alone, or a blur, has no such structure.
TEST(Fractals, HaveFineStructure) {
  for (const Image& image : draw_fractals(16, 64, 1)) {
    double sum = 0;
    for (int y = 0; y < 64; ++y) {
      for (int x = 3; x < 64 * 3; ++x) sum += std::abs(image.row(y)[x] - image.row(y)[x - 3]);
    }
    EXPECT_GT(sum / (64 * 63 * 3), 3);
  }
}

}  // namespace
}  // namespace assemble
