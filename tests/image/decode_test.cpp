// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <webp/encode.h>

#include "assemble/core/error.h"
#include "assemble/image/encode.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::make_png;
using test::PngSettings;
using test::wavy_image;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

Bytes make_webp(const Image& image) {
  uint8_t* data = nullptr;
  const size_t size = WebPEncodeLosslessRGB(image.pixels.data(), image.width, image.height, image.width * 3, &data);
  Bytes bytes(data, data + size);
  WebPFree(data);
  return bytes;
}

TEST(DetectFormat, GoesByContent) {
  const Image image = wavy_image(8, 8);
  EXPECT_EQ(detect_format(encode_jpeg(image, 90)), ImageFormat::kJpeg);
  EXPECT_EQ(detect_format(encode_png(image)), ImageFormat::kPng);
  EXPECT_EQ(detect_format(make_webp(image)), ImageFormat::kWebP);
  EXPECT_EQ(detect_format({}), ImageFormat::kUnknown);
}

TEST(DecodeImage, RefusesWhatIsNoImage) {
  const auto message = [](std::string_view start) {
    return error_of<InputError>([&] { decode_image(bytes_of(start), "photo"); });
  };
  EXPECT_THAT(message("hello"), HasSubstr("no image of a known format (unknown first bytes) (convert it to JPEG, PNG"));
  EXPECT_THAT(message(""), HasSubstr("photo: the file is empty"));
}

TEST(DecodeImage, RefusesMorePixelsThanAllowed) {
  DecodeOptions options;
  options.max_pixels = 20 * 30 - 1;
  const Image image = wavy_image(20, 30);
  for (const Bytes& bytes : {encode_jpeg(image, 90), encode_png(image), make_webp(image)}) {
    EXPECT_THAT(error_of<InputError>([&] { decode_image(bytes, "big", options); }),
                HasSubstr("image of 30×20 pixels; at most 599 pixels"));
  }
  options.max_pixels = 20 * 30;
  EXPECT_EQ(decode_image(encode_png(image), "fits", options).pixels, image.pixels);
}

TEST(DecodeImage, HeaderThatClaimsTooMuchTakesNoMemory) {
  Bytes bytes = encode_png(wavy_image(4, 4));
  bytes[16] = bytes[20] = 0;  // width and height of the header: 0x000F0000 each
  bytes[17] = bytes[21] = 0x0F;
  EXPECT_THROW(decode_image(bytes, "bomb.png"), InputError);
  Bytes jpeg = encode_jpeg(wavy_image(4, 4), 90);
  size_t frame = 0;
  while (!(jpeg[frame] == 0xFF && jpeg[frame + 1] == 0xC0)) ++frame;
  for (size_t i = frame + 5; i < frame + 9; ++i) jpeg[i] = 0xF0;
  EXPECT_THAT(error_of<InputError>([&] { decode_image(jpeg, "bomb.jpg"); }), HasSubstr("61680×61680"));
}

TEST(ReadImageSize, ReadsEveryFormat) {
  const Image image = wavy_image(21, 34);
  for (const Bytes& bytes : {encode_jpeg(image, 90), encode_png(image), make_webp(image)}) {
    const ImageSize size = read_image_size(bytes, "size");
    EXPECT_EQ(size.height, 21);
    EXPECT_EQ(size.width, 34);
  }
  EXPECT_THROW(read_image_size(bytes_of("\xFF\xD8\xFF"), "stub.jpg"), InputError);
}

TEST(DecodeWindow, RefusesWindowsOutsideTheImage) {
  const Bytes bytes = encode_png(wavy_image(10, 12));
  for (const Window window :
       {Window{0, 0, 11, 1}, {0, 0, 1, 13}, {-1, 0, 2, 2}, {0, -1, 2, 2}, {9, 0, 2, 1}, {0, 0, 0, 1}}) {
    EXPECT_THAT(error_of<InputError>([&] { decode_window(bytes, "w", [&](ImageSize) { return window; }); }),
                HasSubstr("leaves the image of 12×10 pixels"));
  }
}

TEST(DecodePng, WindowEqualsCrop) {
  const Image image = wavy_image(31, 29);
  for (const bool interlaced : {false, true}) {
    PngSettings settings;
    settings.interlaced = interlaced;
    const Bytes bytes = make_png(31, 29, image.pixels, settings);
    const Window window{5, 7, 20, 11};
    EXPECT_EQ(decode_window(bytes, "png", [&](ImageSize) { return window; }).pixels, crop(image, window).pixels);
  }
}

TEST(DecodePng, SixteenBitsLoseTheirLowByte) {
  const std::vector<uint8_t> rows{0x12, 0xFF, 0x80, 0x00, 0xFE, 0xFF};
  const Image image = decode_image(make_png(1, 1, rows, {.bit_depth = 16}), "deep.png");
  EXPECT_THAT(image.pixels, ElementsAre(0x12, 0x80, 0xFE));
}

TEST(DecodePng, GrayAndPaletteExpandAndAlphaDrops) {
  const Image one_bit = decode_image(make_png(1, 2, {0x40}, {.color_type = PNG_COLOR_TYPE_GRAY, .bit_depth = 1}), "1");
  EXPECT_THAT(one_bit.pixels, ElementsAre(0, 0, 0, 255, 255, 255));
  PngSettings palette{.color_type = PNG_COLOR_TYPE_PALETTE};
  palette.palette = {{1, 2, 3}, {40, 50, 60}};
  EXPECT_THAT(decode_image(make_png(1, 2, {1, 0}, palette), "p").pixels, ElementsAre(40, 50, 60, 1, 2, 3));
  const Bytes rgba = make_png(1, 1, {9, 8, 7, 0}, {.color_type = PNG_COLOR_TYPE_RGB_ALPHA});
  EXPECT_THAT(decode_image(rgba, "a").pixels, ElementsAre(9, 8, 7));
  const Bytes gray_alpha = make_png(1, 1, {5, 128}, {.color_type = PNG_COLOR_TYPE_GRAY_ALPHA});
  EXPECT_THAT(decode_image(gray_alpha, "ga").pixels, ElementsAre(5, 5, 5));
}

TEST(DecodePng, TruncatedAndDamagedAreRefused) {
  const Bytes bytes = encode_png(wavy_image(32, 32));
  EXPECT_THAT(error_of<InputError>([&] { decode_image(std::span(bytes.data(), bytes.size() / 2), "half.png"); }),
              HasSubstr("half.png: broken PNG: the file ends early"));
  EXPECT_THROW(decode_image(std::span(bytes.data(), 8), "signature.png"), InputError);
  Bytes damaged = bytes;
  damaged[bytes.size() / 2] ^= 0x55;
  EXPECT_THROW(decode_image(damaged, "damaged.png"), InputError);
}

TEST(DecodeWebP, LosslessIsExactAndWindowed) {
  const Image image = wavy_image(19, 23);
  const Bytes bytes = make_webp(image);
  EXPECT_EQ(decode_image(bytes, "w.webp").pixels, image.pixels);
  const Window window{3, 4, 5, 6};
  EXPECT_EQ(decode_window(bytes, "w.webp", [&](ImageSize) { return window; }).pixels, crop(image, window).pixels);
}

TEST(DecodeWebP, TruncatedIsRefused) {
  const Bytes bytes = make_webp(wavy_image(32, 32));
  for (const size_t size : {size_t{12}, size_t{20}, bytes.size() / 2, bytes.size() - 1}) {
    EXPECT_THROW(decode_image(std::span(bytes.data(), size), "cut.webp"), InputError) << size;
  }
}

TEST(DecodeWebP, AnimationGivesItsFirstFrame) {
  const Bytes bytes = read_file(fs::path(ASSEMBLE_SOURCE_DIR) / "tests/fuzz_seeds/image/animated.webp");
  const ImageSize size = read_image_size(bytes, "animated.webp");
  const Image first = decode_image(bytes, "animated.webp");
  EXPECT_EQ(first.height, size.height);
  EXPECT_EQ(first.width, size.width);
  EXPECT_THAT(error_of<InputError>([&] { decode_image(std::span(bytes.data(), 60), "cut.webp"); }),
              HasSubstr("broken or truncated WebP"));
}

TEST(DecodeImage, ExtensionDoesNotMatter) {
  const Image image = wavy_image(8, 8);
  EXPECT_EQ(decode_image(encode_png(image), "photo.jpg").pixels, image.pixels);
}

}  // namespace
}  // namespace assemble
