// SPDX-License-Identifier: Apache-2.0
#include "../../src/image/codec/exif.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/image/encode.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::ElementsAre;

// Stored:  1 2 3     (red channel; 2 rows, 3 columns)
//          4 5 6
Image numbered_image() {
  Image image{2, 3, {}};
  for (uint8_t i = 1; i <= 6; ++i) image.pixels.insert(image.pixels.end(), {i, 0, 0});
  return image;
}

std::vector<int> reds(const Image& image) {
  std::vector<int> values;
  for (size_t i = 0; i < image.pixels.size(); i += 3) values.push_back(image.pixels[i]);
  return values;
}

TEST(Turn, FollowsEveryOrientation) {
  const Image image = numbered_image();
  EXPECT_THAT(reds(turn(image, 1)), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(reds(turn(image, 2)), ElementsAre(3, 2, 1, 6, 5, 4));
  EXPECT_THAT(reds(turn(image, 3)), ElementsAre(6, 5, 4, 3, 2, 1));
  EXPECT_THAT(reds(turn(image, 4)), ElementsAre(4, 5, 6, 1, 2, 3));
  EXPECT_THAT(reds(turn(image, 5)), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(reds(turn(image, 6)), ElementsAre(4, 1, 5, 2, 6, 3));
  EXPECT_THAT(reds(turn(image, 7)), ElementsAre(6, 3, 5, 2, 4, 1));
  EXPECT_THAT(reds(turn(image, 8)), ElementsAre(3, 6, 2, 5, 1, 4));
  EXPECT_EQ(turn(image, 6).height, 3);
  EXPECT_EQ(turn(image, 6).width, 2);
}

TEST(StoredWindow, AgreesWithTurn) {
  const Image image = test::wavy_image(13, 17);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image turned = turn(image, orientation);
    const Window window{2, 3, 5, 7};
    const Window stored = stored_window(window, {13, 17}, orientation);
    EXPECT_EQ(turn(crop(image, stored), orientation).pixels, crop(turned, window).pixels) << orientation;
  }
}

TEST(ExifOrientation, IsReadFromJpegPngAndWebP) {
  const Image image = test::wavy_image(8, 8);
  EXPECT_EQ(exif_orientation(test::make_jpeg(image, {.exif_orientation = 6})), 6);
  EXPECT_EQ(exif_orientation(test::make_jpeg(image)), 1);

  const std::string block = test::exif_block(8);
  Bytes png = encode_png(image);
  Bytes chunk{0, 0, 0, static_cast<uint8_t>(block.size()), 'e', 'X', 'I', 'f'};
  chunk.insert(chunk.end(), block.begin(), block.end());
  chunk.insert(chunk.end(), 4, 0);
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  EXPECT_EQ(exif_orientation(png), 8);
  EXPECT_EQ(exif_orientation(encode_png(image)), 1);
}

TEST(ExifOrientation, BigEndianIsRead) {
  Bytes jpeg{0xFF, 0xD8, 0xFF, 0xE1, 0, 34};
  const std::string segment("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0", 32);
  jpeg.insert(jpeg.end(), segment.begin(), segment.end());
  EXPECT_EQ(exif_orientation(jpeg), 3);
}

TEST(ExifOrientation, MalformedCountsAsNone) {
  const Bytes jpeg = test::make_jpeg(test::wavy_image(8, 8), {.exif_orientation = 6});
  for (size_t size = 0; size < 60; ++size) {
    const int orientation = exif_orientation(std::span(jpeg.data(), size));
    EXPECT_TRUE(orientation == 1 || (orientation == 6 && size > 50)) << size;
  }
  EXPECT_EQ(exif_orientation(test::make_jpeg(test::wavy_image(8, 8), {.exif_orientation = 9})), 1);
  // The directory's offset points behind the segment.
  Bytes far = jpeg;
  size_t exif = 0;
  while (far[exif] != 'E') ++exif;
  far[exif + 10] = far[exif + 11] = far[exif + 12] = far[exif + 13] = 0xFF;
  EXPECT_EQ(exif_orientation(far), 1);
}

TEST(DecodeImage, TurnsByExifOnlyWhenAsked) {
  const Image image = test::wavy_image(24, 40);
  const Bytes plain = test::make_jpeg(image);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Bytes tagged = test::make_jpeg(image, {.exif_orientation = orientation});
    const Image stored = decode_image(plain, "plain");
    EXPECT_EQ(decode_image(tagged, "tagged").pixels, stored.pixels);
    DecodeOptions options;
    options.apply_exif_orientation = true;
    const Image turned = decode_image(tagged, "tagged", options);
    EXPECT_EQ(turned.pixels, turn(stored, orientation).pixels);
    const Window window{4, 6, 9, 11};
    ImageSize seen;
    const auto choose = [&](ImageSize size) {
      seen = size;
      return window;
    };
    EXPECT_EQ(decode_window(tagged, "tagged", choose, options).pixels, crop(turned, window).pixels);
    EXPECT_EQ(seen.height, orientation >= 5 ? 40 : 24);
  }
}

}  // namespace
}  // namespace assemble
