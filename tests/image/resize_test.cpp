// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/resize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "sample_images.h"
#include "simd_targets.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A row of gray pixels.
Image gray_row(std::vector<uint8_t> values) {
  Image image{1, static_cast<int>(values.size()), {}};
  for (const uint8_t value : values) image.pixels.insert(image.pixels.end(), 3, value);
  return image;
}

std::vector<float> resized_row(const Image& image, int width, bool mirrored = false) {
  std::vector<float> output(static_cast<size_t>(width) * 3), reds;
  resize_bilinear_crop(image, 1, width, {0, 0, 1, width}, mirrored, output);
  for (size_t i = 0; i < output.size(); i += 3) reds.push_back(output[i]);
  return reds;
}

TEST(ResizeBilinear, GridStartsAtTheFirstPixelAndClampsAtTheLast) {
  EXPECT_THAT(resized_row(gray_row({0, 100}), 4), ElementsAre(0, 50, 100, 100));
  EXPECT_THAT(resized_row(gray_row({0, 30, 60, 90}), 2), ElementsAre(0, 60));
  EXPECT_THAT(resized_row(gray_row({10, 20, 30}), 2), ElementsAre(10, 25));
  EXPECT_THAT(resized_row(gray_row({7}), 3), ElementsAre(7, 7, 7));
}

TEST(ResizeBilinear, MirrorsBeforeResizing) {
  EXPECT_THAT(resized_row(gray_row({0, 100}), 4, true), ElementsAre(100, 50, 0, 0));
  EXPECT_THAT(resized_row(gray_row({10, 20, 30}), 2, true), ElementsAre(30, 15));
}

TEST(ResizeBilinear, SameSizeKeepsThePixels) {
  const Image image = test::wavy_image(9, 13);
  std::vector<float> output(image.pixels.size());
  resize_bilinear(image, 9, 13, output);
  EXPECT_TRUE(std::equal(output.begin(), output.end(), image.pixels.begin()));
}

void expect_reference(int images, int most_source, int most_target) {
  Random random(11, RandomPurpose::kAugment);
  const auto side = [&](int most) { return 1 + static_cast<int>(random.integer(static_cast<uint64_t>(most))); };
  for (int i = 0; i < images; ++i) {
    const Image image = test::wavy_image(side(most_source / 4), side(most_source), static_cast<uint64_t>(i));
    const int height = side(most_target), width = side(most_target);
    Window crop;
    crop.height = side(height);
    crop.width = side(width);
    crop.y = static_cast<int>(random.integer(static_cast<uint64_t>(height - crop.height + 1)));
    crop.x = static_cast<int>(random.integer(static_cast<uint64_t>(width - crop.width + 1)));
    const bool mirrored = random.bernoulli(0.5);
    std::vector<float> fast(static_cast<size_t>(crop.height) * crop.width * 3), slow(fast.size());
    resize_bilinear_crop(image, height, width, crop, mirrored, fast);
    resize_bilinear_reference(image, height, width, crop, mirrored, slow);
    ASSERT_EQ(fast, slow) << image.width << "×" << image.height << " to " << width << "×" << height;
  }
}

TEST(ResizeBilinear, EqualsTheReferenceBitForBitOnEveryProcessor) {
  test::for_each_simd_target([](const std::string& target) {
    SCOPED_TRACE(target);
    expect_reference(150, 70, 70);
    expect_reference(50, 300, 40);  // pixels that are read lie far apart
  });
}

TEST(ResizeBilinear, RefusesWrongArguments) {
  const Image image = test::wavy_image(4, 4);
  std::vector<float> output(12);
  EXPECT_THROW(resize_bilinear(image, 0, 4, output), UsageError);
  EXPECT_THROW(resize_bilinear(Image{}, 2, 2, output), UsageError);
  EXPECT_THROW(resize_bilinear_crop(image, 2, 2, {1, 0, 2, 2}, false, output), UsageError);
  EXPECT_THAT(test::error_of<UsageError>([&] { resize_bilinear(image, 3, 2, output); }),
              HasSubstr("output of 12 floats, expected 18"));
}

}  // namespace
}  // namespace assemble
