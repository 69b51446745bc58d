// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/shrink.h"

#include <gtest/gtest.h>

#include "sample_images.h"

namespace assemble {
namespace {

TEST(Shrunk, BringsTheLongerSideToASizeAndKeepsTheAspect) {
  const Image wide = shrunk(test::wavy_image(50, 200), 100);
  EXPECT_EQ(wide.height, 25);
  EXPECT_EQ(wide.width, 100);
  const Image line = shrunk(test::wavy_image(900, 1), 30);
  EXPECT_EQ(line.height, 30);
  EXPECT_EQ(line.width, 1);
}

TEST(Shrunk, LeavesWhatIsSmallEnough) {
  const Image image = test::wavy_image(20, 30);
  EXPECT_EQ(shrunk(image, 30).pixels, image.pixels);
  EXPECT_EQ(shrunk(image, 400).pixels, image.pixels);
}

}  // namespace
}  // namespace assemble
