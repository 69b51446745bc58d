// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/resize.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Red is the column, green the row.
Image coordinates(int height, int width) {
  Image image{height, width, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      image.pixels.insert(image.pixels.end(), {static_cast<uint8_t>(x), static_cast<uint8_t>(y), 0});
    }
  }
  return image;
}

TEST(ResizeAndCrop, CutsOutTheMiddleAsTorchvisionDoes) {
  const Image cut = resize_and_crop(coordinates(20, 31), 0, 10, "image");
  EXPECT_EQ(cut.height, 10);
  EXPECT_EQ(cut.width, 10);
  EXPECT_EQ(cut.pixels[0], 10);  // 10.5 goes to the even side
  EXPECT_EQ(cut.pixels[1], 5);
  EXPECT_EQ(resize_and_crop(coordinates(20, 33), 0, 10, "image").pixels[0], 12);  // so does 11.5
}

TEST(ResizeAndCrop, TheLongSideIsCutOffToAWholeNumber) {
  const Image resized = resize_and_crop(coordinates(100, 133), 50, 0, "image");
  EXPECT_EQ(resized.height, 50);
  EXPECT_EQ(resized.width, 66);  // 66.5
  const Image upright = resize_and_crop(coordinates(133, 100), 50, 50, "image");
  EXPECT_EQ(upright.height, 50);
  EXPECT_EQ(upright.width, 50);
  EXPECT_EQ(upright.row(25)[3 * 25], 51);  // centre of pixel 25: 25.5 · 2 - 0.5, rounded
}

TEST(ResizeAndCrop, NothingAskedChangesNothing) {
  const Image image = coordinates(7, 9);
  EXPECT_EQ(resize_and_crop(image, 0, 0, "image").pixels, image.pixels);
}

TEST(ResizeAndCrop, ACropLargerThanTheImageIsNamed) {
  const std::string error = test::error_of<InputError>([] { resize_and_crop(coordinates(10, 12), 0, 11, "some.png"); });
  EXPECT_THAT(error, testing::HasSubstr("some.png"));
  EXPECT_THAT(error, testing::HasSubstr("12×10"));
}

}  // namespace
}  // namespace assemble
