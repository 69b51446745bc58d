// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Image, IsCreatedBlackAndOfItsSize) {
  const Image image = Image::create(2, 3);
  EXPECT_EQ(image.height, 2);
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.pixels, std::vector<uint8_t>(18, 0));
}

TEST(Image, HasAPixelAtLeast) {
  EXPECT_THAT(test::error_of<UsageError>([] { Image::create(0, 4); }), HasSubstr("4×0 pixels"));
  EXPECT_THROW(Image::create(4, -1), UsageError);
}

TEST(Image, CropCopiesTheWindow) {
  Image image = Image::create(3, 4);
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 4; ++x) image.row(y)[3 * x + 1] = static_cast<uint8_t>(10 * y + x);
  }
  const Image part = crop(image, {1, 2, 2, 2});
  EXPECT_EQ(part.height, 2);
  EXPECT_EQ(part.width, 2);
  EXPECT_THAT(part.pixels, ElementsAre(0, 12, 0, 0, 13, 0, 0, 22, 0, 0, 23, 0));
  EXPECT_EQ(crop(image, {0, 0, 3, 4}).pixels, image.pixels);
}

TEST(Image, CropStaysInTheImage) {
  const Image image = Image::create(3, 4);
  for (const Window& window : {Window{-1, 0, 2, 2}, Window{0, -1, 2, 2}, Window{2, 0, 2, 2}, Window{0, 3, 2, 2},
                               Window{0, 0, 0, 2}, Window{0, 0, 2, 0}, Window{1, 0, 2147483647, 1}}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { crop(image, window); }), HasSubstr("leaves the image of 4×3"));
  }
}

}  // namespace
}  // namespace assemble
