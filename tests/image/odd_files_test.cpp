// SPDX-License-Identifier: Apache-2.0
// Strange and broken files from the test suites of image libraries: each decodes or is refused with its name and a
// reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/image/decode.h"
#include "assemble/image/preprocess.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::HasSubstr;

Image decode_file(const fs::path& path, bool apply_exif = false) {
  DecodeOptions options;
  options.apply_exif_orientation = apply_exif;
  return decode_image(read_file(path), path.string(), options);
}

/// Mean absolute difference of two images after both became 64×64.
double difference(const Image& a, const Image& b) {
  double sum = 0;
  for (int y = 0; y < 64; ++y) {
    for (int x = 0; x < 192; ++x) {
      const auto at = [&](const Image& image) {
        return image.row(y * image.height / 64)[x / 3 * image.width / 64 * 3 + x % 3];
      };
      sum += std::abs(at(a) - at(b));
    }
  }
  return sum / (64 * 192);
}

TEST(OddFiles, EachDecodesOrIsRefusedWithItsName) {
  ASSEMBLE_REQUIRE_PHOTOS(photos);
  int decoded = 0, refused = 0;
  for (const auto& entry : fs::recursive_directory_iterator(photos / "odd_files")) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().string();
    try {
      const Image image = decode_file(entry.path(), true);
      EXPECT_EQ(image.pixels.size(), size_t{3} * image.height * image.width) << path;
      std::vector<float> output(64 * 64 * 3);
      preprocess_eval(read_file(entry.path()), path, Preprocessing{.eval_size = 64, .eval_resize = 73}, output);
      for (const float value : output) ASSERT_TRUE(value > -125 && value < 152) << path;
      ++decoded;
    } catch (const InputError& error) {
      EXPECT_EQ(error.where(), path);
      EXPECT_FALSE(error.hint().empty()) << error.what();
      ++refused;
    }
  }
  EXPECT_GE(decoded, 95);
  // More where a build reads fewer formats.
  EXPECT_GE(refused, 15);
}

TEST(OddFiles, WellKnownOnesDecodeToTheirSize) {
  ASSEMBLE_REQUIRE_PHOTOS(photos);
  const std::map<std::string, ImageSize> sizes{{"hopper.jpg", {128, 128}},
                                               {"hopper.webp", {128, 128}},
                                               {"pil_sample_cmyk.jpg", {100, 100}},
                                               {"junk_jpeg_header.jpg", {768, 1024}},
                                               {"sugarshack.mpo", {480, 640}},
                                               {"l_trns.png", {64, 64}},
                                               {"tiff_16bit_RGB_target.png", {40, 100}},
                                               {"apng/mode_16bit.png", {64, 128}},
                                               {"uncompressed_la.png", {128, 128}},
                                               {"anim_frame1.webp", {82, 82}},
                                               {"png_decompression_dos.png", {1, 1}}};
  for (const auto& [name, size] : sizes) {
    const Image image = decode_file(photos / "odd_files/pillow" / name);
    EXPECT_EQ(image.height, size.height) << name;
    EXPECT_EQ(image.width, size.width) << name;
  }
}

TEST(OddFiles, BrokenOnesSayWhy) {
  ASSEMBLE_REQUIRE_PHOTOS(photos);
  const std::map<std::string, std::string> reasons{{"ultrahdr.jpg", "truncated JPEG"},
                                                   {"truncated_image.png", "the file ends early"},
                                                   {"broken.png", "broken PNG"},
                                                   {"zero_width.gif", "broken GIF"}};
  for (const auto& [name, reason] : reasons) {
    const fs::path path = photos / "odd_files/pillow" / name;
    EXPECT_THAT(test::error_of<InputError>([&] { decode_file(path); }), HasSubstr(reason));
  }
}

TEST(OddFiles, ExifOrientationsShowTheSamePicture) {
  ASSEMBLE_REQUIRE_PHOTOS(photos);
  const fs::path folder = photos / "odd_files/exif";
  const std::vector<std::pair<std::string, std::vector<int>>> series{{"Landscape", {0, 2, 4, 6, 8}},
                                                                     {"Portrait", {1, 3, 5, 7}}};
  for (const auto& [name, numbers] : series) {
    const auto file = [&, &name = name](int number) { return folder / concat(name, "_", number, ".jpg"); };
    const Image first = decode_file(file(numbers[0]), true);
    for (const int number : numbers) {
      const Image turned = decode_file(file(number), true);
      EXPECT_EQ(turned.height, first.height) << file(number);
      EXPECT_LT(difference(turned, first), 8) << file(number);
      if (number > 1) {
        EXPECT_GT(difference(decode_file(file(number)), first), 20) << file(number);
      }
    }
  }
  const Image hopper = decode_file(photos / "odd_files/pillow/hopper_orientation_2.jpg", true);
  for (int number = 3; number <= 8; ++number) {
    const std::string name = concat("hopper_orientation_", number, ".jpg");
    EXPECT_LT(difference(decode_file(photos / "odd_files/pillow" / name, true), hopper), 8) << name;
  }
}

}  // namespace
}  // namespace assemble
