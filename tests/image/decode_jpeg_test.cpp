// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::JpegSettings;
using test::make_jpeg;
using test::wavy_image;
using ::testing::HasSubstr;

/// Decodes random windows of `bytes` and compares each with a crop of the whole image.
void expect_windows_equal_crops(const Bytes& bytes, int windows, const std::string& what) {
  const Image whole = decode_image(bytes, what);
  Random random(7, RandomPurpose::kAugment);
  for (int i = 0; i < windows; ++i) {
    Window window;
    window.height = 1 + static_cast<int>(random.integer(whole.height));
    window.width = 1 + static_cast<int>(random.integer(whole.width));
    window.y = static_cast<int>(random.integer(whole.height - window.height + 1));
    window.x = static_cast<int>(random.integer(whole.width - window.width + 1));
    const Image part = decode_window(bytes, what, [&](ImageSize) { return window; });
    ASSERT_EQ(part.pixels, crop(whole, window).pixels)
        << what << ": " << window.width << "×" << window.height << " at (" << window.x << ", " << window.y << ")";
  }
}

TEST(DecodeJpeg, WindowEqualsCropForEverySamplingAndCoding) {
  const Image image = wavy_image(67, 85);
  const std::pair<int, int> samplings[] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}};
  for (const auto& [horizontal, vertical] : samplings) {
    for (const bool progressive : {false, true}) {
      for (const int restart : {0, 3}) {
        JpegSettings settings;
        settings.horizontal_sampling = horizontal;
        settings.vertical_sampling = vertical;
        settings.progressive = progressive;
        settings.restart_interval = restart;
        const std::string what =
            concat(horizontal, "x", vertical, progressive ? " progressive" : " baseline", " restart ", restart);
        expect_windows_equal_crops(make_jpeg(image, settings), 150, what);
      }
    }
  }
}

TEST(SeekableJpeg, HasTheSamePixelsAndWindowsForEverySamplingAndCoding) {
  const std::pair<int, int> samplings[] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {4, 2}};
  for (const auto& [horizontal, vertical] : samplings) {
    for (const bool progressive : {false, true}) {
      for (const int width : {128, 119, 90}) {
        JpegSettings settings;
        settings.horizontal_sampling = horizontal;
        settings.vertical_sampling = vertical;
        settings.progressive = progressive;
        const Bytes bytes = make_jpeg(wavy_image(107, width), settings);
        const std::string what = concat(horizontal, "x", vertical, progressive ? " progressive " : " baseline ", width);
        const Bytes seekable = seekable_jpeg(bytes, what);
        EXPECT_EQ(decode_image(seekable, what).pixels, decode_image(bytes, what).pixels) << what;
        expect_windows_equal_crops(seekable, 150, what);
      }
    }
  }
}

TEST(SeekableJpeg, WindowsThatEndTheImageAndFastOnesAreTheSame) {
  const Bytes bytes = make_jpeg(wavy_image(150, 256)), seekable = seekable_jpeg(bytes, "s");
  Random random(11, RandomPurpose::kAugment);
  for (int i = 0; i < 400; ++i) {
    const int height = 1 + static_cast<int>(random.integer(150)), width = 1 + static_cast<int>(random.integer(256));
    const Window window{static_cast<int>(random.integer(151 - height)), static_cast<int>(random.integer(257 - width)),
                        height, width};
    DecodeOptions options;
    options.window_ends_image = true;
    options.decoding = i % 2 == 0 ? Decoding::kExact : Decoding::kFast;
    options.wanted_side = i % 4 == 1 ? 16 : 0;
    const auto choose = [&](ImageSize) { return window; };
    ASSERT_EQ(decode_window(seekable, "s", choose, options).pixels, decode_window(bytes, "b", choose, options).pixels)
        << width << "×" << height << " at (" << window.x << ", " << window.y << "), " << i;
  }
}

TEST(SeekableJpeg, DamageBeyondTheWindowIsNotReadAndDamageInItIsSurvived) {
  const Bytes seekable = seekable_jpeg(make_jpeg(wavy_image(128, 256)), "s");
  const Window corner{96, 200, 24, 40};
  const auto choose = [&](ImageSize) { return corner; };
  const Image expected = decode_window(seekable, "s", choose);
  Bytes other = seekable;
  other[seekable.size() / 2] ^= 0x10;  // rows above the window
  EXPECT_EQ(decode_window(other, "other", choose).pixels, expected.pixels);
  EXPECT_NE(decode_image(other, "other").pixels, decode_image(seekable, "s").pixels);
  Bytes cut = seekable;
  cut.resize(seekable.size() * 9 / 10);
  EXPECT_THAT(error_of<InputError>([&] { decode_window(cut, "cut.jpg", choose); }),
              HasSubstr("cut.jpg: truncated JPEG"));
  EXPECT_THAT(error_of<InputError>([&] { seekable_jpeg(cut, "cut.jpg"); }), HasSubstr("cut.jpg: truncated JPEG"));
}

TEST(DecodeJpeg, WindowEqualsCropForGrayAndCmyk) {
  const Image image = wavy_image(50, 4 * 16);
  JpegSettings settings;
  settings.components = 1;
  const Bytes gray = make_jpeg(50, 192, image.pixels.data(), settings);
  expect_windows_equal_crops(gray, 100, "gray");
  expect_windows_equal_crops(seekable_jpeg(gray, "gray"), 100, "seekable gray");
  settings.components = 4;
  const Bytes cmyk = make_jpeg(50, 48, image.pixels.data(), settings);
  expect_windows_equal_crops(cmyk, 100, "cmyk");
  expect_windows_equal_crops(seekable_jpeg(cmyk, "cmyk"), 100, "seekable cmyk");
}

TEST(DecodeJpeg, WindowAlignedToBlocksHasTheRightBorders) {
  const Bytes bytes = make_jpeg(wavy_image(96, 128));
  const Image whole = decode_image(bytes, "aligned");
  for (const Window window : {Window{16, 16, 32, 32}, {32, 48, 16, 16}, {0, 0, 16, 128}, {80, 112, 16, 16}}) {
    EXPECT_EQ(decode_window(bytes, "aligned", [&](ImageSize) { return window; }).pixels, crop(whole, window).pixels);
  }
}

TEST(DecodeJpeg, WindowThatEndsTheImageDiffersAtItsSidesAlone) {
  const Bytes bytes = make_jpeg(wavy_image(64, 96));
  const Window window{10, 16, 30, 48};
  DecodeOptions options;
  options.window_ends_image = true;
  const Image part = decode_window(
      bytes, "w", [&](ImageSize) { return window; }, options);
  const Image expected = crop(decode_image(bytes, "w"), window);
  int different = 0;
  for (int y = 0; y < window.height; ++y) {
    for (int x = 0; x < window.width * 3; ++x) {
      if (part.row(y)[x] == expected.row(y)[x]) continue;
      EXPECT_TRUE(x < 3 || x >= window.width * 3 - 3) << x / 3;
      ++different;
    }
  }
  EXPECT_GT(different, 0);
}

TEST(DecodeJpeg, GrayIsRepeated) {
  const std::vector<uint8_t> gray(32 * 32, 77);
  JpegSettings settings;
  settings.components = 1;
  const Image image = decode_image(make_jpeg(32, 32, gray.data(), settings), "gray");
  EXPECT_EQ(image.pixels, std::vector<uint8_t>(32 * 32 * 3, 77));
}

/// The first pixel of a flat CMYK image.
std::vector<int> cmyk_pixel(std::vector<uint8_t> cmyk, const JpegSettings& settings) {
  std::vector<uint8_t> samples;
  for (int i = 0; i < 64; ++i) samples.insert(samples.end(), cmyk.begin(), cmyk.end());
  const Image image = decode_image(make_jpeg(8, 8, samples.data(), settings), "cmyk");
  return {image.pixels[0], image.pixels[1], image.pixels[2]};
}

TEST(DecodeJpeg, CmykFollowsTheAdobeMarker) {
  JpegSettings settings;
  settings.components = 4;
  settings.adobe_marker = true;  // stored inverted: 255 is no ink
  EXPECT_THAT(cmyk_pixel({255, 255, 255, 255}, settings), ::testing::ElementsAre(255, 255, 255));
  EXPECT_THAT(cmyk_pixel({200, 100, 0, 255}, settings), ::testing::ElementsAre(200, 100, 0));
  EXPECT_THAT(cmyk_pixel({200, 100, 0, 51}, settings), ::testing::ElementsAre(40, 20, 0));
  settings.adobe_marker = false;  // 0 is no ink
  EXPECT_THAT(cmyk_pixel({0, 0, 0, 0}, settings), ::testing::ElementsAre(255, 255, 255));
  EXPECT_THAT(cmyk_pixel({55, 155, 255, 204}, settings), ::testing::ElementsAre(40, 20, 0));
}

TEST(DecodeJpeg, YcckIsCmyk) {
  JpegSettings settings;
  settings.components = 4;
  settings.ycck = true;
  const std::vector<int> pixel = cmyk_pixel({200, 100, 0, 255}, settings);
  EXPECT_NEAR(pixel[0], 200, 2);
  EXPECT_NEAR(pixel[1], 100, 2);
  EXPECT_NEAR(pixel[2], 0, 2);
}

TEST(DecodeJpeg, TruncatedIsRefusedUnlessAllowed) {
  for (const bool progressive : {false, true}) {
    JpegSettings settings;
    settings.progressive = progressive;
    Bytes bytes = make_jpeg(wavy_image(80, 80), settings);
    bytes.resize(bytes.size() / 2);
    const std::string message = error_of<InputError>([&] { decode_image(bytes, "half.jpg"); });
    EXPECT_THAT(message, HasSubstr("half.jpg: truncated JPEG"));
    DecodeOptions options;
    options.allow_truncated = true;
    EXPECT_EQ(decode_image(bytes, "half.jpg", options).pixels.size(), 80u * 80 * 3);
  }
}

TEST(DecodeJpeg, MissingEndMarkerAloneIsAccepted) {
  Bytes bytes = make_jpeg(wavy_image(40, 40));
  const Image whole = decode_image(bytes, "whole");
  bytes.resize(bytes.size() - 2);
  EXPECT_EQ(decode_image(bytes, "no end").pixels, whole.pixels);
}

TEST(DecodeJpeg, WindowAboveTheCutDecodes) {
  Bytes bytes = make_jpeg(wavy_image(160, 80));
  const Image whole = decode_image(bytes, "whole");
  bytes.resize(bytes.size() / 2);
  const Window top{0, 0, 16, 80};
  EXPECT_EQ(decode_window(bytes, "half", [&](ImageSize) { return top; }).pixels, crop(whole, top).pixels);
}

TEST(DecodeJpeg, EveryTruncationEitherDecodesOrSaysWhy) {
  const Bytes bytes = make_jpeg(wavy_image(24, 24));
  int refused = 0;
  for (size_t size = 3; size < bytes.size(); ++size) {
    try {
      decode_image(std::span(bytes.data(), size), "cut");
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("cut: "));
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) - 20);
}

TEST(DecodeJpeg, FlippedBytesNeverCrash) {
  for (const bool progressive : {false, true}) {
    JpegSettings settings;
    settings.progressive = progressive;
    settings.restart_interval = 2;
    const Bytes bytes = make_jpeg(wavy_image(32, 40), settings);
    Random random(3, RandomPurpose::kCorrupt);
    int decoded = 0;
    for (int i = 0; i < 400; ++i) {
      Bytes broken = bytes;
      for (int k = 0; k < 3; ++k) broken[random.integer(broken.size())] = static_cast<uint8_t>(random());
      DecodeOptions options;
      options.max_pixels = 1 << 20;
      try {
        decode_image(broken, "flipped", options);
        ++decoded;
      } catch (const InputError&) {
      }
    }
    EXPECT_GT(decoded, 0);
    EXPECT_LT(decoded, 400);
  }
}

TEST(DecodeJpeg, TooManyScansAreRefused) {
  Bytes bytes = make_jpeg(wavy_image(16, 16), {.progressive = true});
  // Repeats the last scan: each is legal by itself.
  size_t scan = bytes.size() - 2;
  while (!(bytes[scan] == 0xFF && bytes[scan + 1] == 0xDA)) --scan;
  const Bytes last(bytes.begin() + static_cast<long>(scan), bytes.end() - 2);
  bytes.resize(bytes.size() - 2);
  for (int i = 0; i < 600; ++i) bytes.insert(bytes.end(), last.begin(), last.end());
  EXPECT_THAT(error_of<InputError>([&] { decode_image(bytes, "bomb.jpg"); }), HasSubstr("more than 500 scans"));
}

TEST(DecodeJpeg, FastShrinksWindowsMoreThanTwiceAsLargeAsWanted) {
  const Bytes bytes = encode_jpeg(test::wavy_image(203, 301), 90);
  DecodeOptions options;
  options.decoding = Decoding::kFast;
  const auto size_for = [&](const Window& window, int wanted) {
    options.wanted_side = wanted;
    const Image image = decode_window(
        bytes, "window", [&](ImageSize) { return window; }, options);
    return std::array{image.height, image.width};
  };
  EXPECT_EQ(size_for({0, 0, 203, 301}, 0), (std::array{203, 301}));
  EXPECT_EQ(size_for({0, 0, 203, 301}, 102), (std::array{203, 301}));
  EXPECT_EQ(size_for({0, 0, 203, 301}, 101), (std::array{102, 151}));
  EXPECT_EQ(size_for({3, 5, 200, 201}, 50), (std::array{51, 51}));
  EXPECT_EQ(size_for({3, 5, 200, 296}, 1), (std::array{26, 38}));
  options.decoding = Decoding::kExact;
  EXPECT_EQ(size_for({0, 0, 203, 301}, 10), (std::array{203, 301}));
  EXPECT_THAT(error_of<UsageError>([] { parse_decoding("quick"); }), HasSubstr("expected exact or fast"));
}

}  // namespace
}  // namespace assemble
