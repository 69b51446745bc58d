// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/encode.h"

#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::wavy_image;

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) sum += std::abs(a.pixels[i] - b.pixels[i]);
  return sum / static_cast<double>(a.pixels.size());
}

TEST(EncodePng, IsLossless) {
  for (const auto& [height, width] : {std::pair{1, 1}, {7, 300}, {64, 64}}) {
    const Image image = wavy_image(height, width);
    const Image decoded = decode_image(encode_png(image), "png");
    EXPECT_EQ(decoded.height, height);
    EXPECT_EQ(decoded.width, width);
    EXPECT_EQ(decoded.pixels, image.pixels);
  }
}

TEST(EncodeJpeg, QualityTradesSizeForFidelity) {
  Image image{48, 48, {}};
  for (int y = 0; y < 48; ++y) {
    for (int x = 0; x < 48; ++x) {
      image.pixels.insert(image.pixels.end(), {static_cast<uint8_t>(5 * y), static_cast<uint8_t>(5 * x), 90});
    }
  }
  const Bytes fine = encode_jpeg(image, 95), coarse = encode_jpeg(image, 10);
  EXPECT_LT(coarse.size(), fine.size());
  EXPECT_LT(mean_difference(decode_image(fine, "fine"), image), 3);
  EXPECT_LT(mean_difference(decode_image(coarse, "coarse"), image), 20);
  EXPECT_GT(mean_difference(decode_image(coarse, "coarse"), image), mean_difference(decode_image(fine, "fine"), image));
}

TEST(EncodeJpeg, WritesChromaAtHalfTheSize) {
  const Bytes bytes = encode_jpeg(wavy_image(16, 16), 85);
  size_t frame = 0;
  while (!(bytes[frame] == 0xFF && bytes[frame + 1] == 0xC0)) ++frame;
  EXPECT_EQ(bytes[frame + 11], 0x22);  // luma sampling
  EXPECT_EQ(bytes[frame + 14], 0x11);
}

TEST(Encode, RefusesWrongArguments) {
  const Image image = wavy_image(4, 4);
  EXPECT_THROW(encode_jpeg(image, 0), UsageError);
  EXPECT_THROW(encode_jpeg(image, 101), UsageError);
  EXPECT_THROW(encode_jpeg(Image{}, 90), UsageError);
  EXPECT_THROW(encode_png(Image{2, 2, std::vector<uint8_t>(3)}), UsageError);
  EXPECT_THROW(encode_jpeg(Image{1, 70000, std::vector<uint8_t>(210000)}, 90), InputError);
}

}  // namespace
}  // namespace assemble
