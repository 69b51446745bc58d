// SPDX-License-Identifier: Apache-2.0
// A line of pixels takes few bytes and may become an image of gigabytes: it is a broken image, not the end of a run.
#include "../../src/image/made_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/image/corruptions.h"
#include "assemble/image/encode.h"
#include "assemble/image/perturbations.h"
#include "assemble/image/preprocess.h"
#include "assemble/image/resize.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int kLong = 65535;

Image gray(int height, int width) {
  return {height, width, std::vector<uint8_t>(size_t{3} * height * width, uint8_t{90})};
}

TEST(MadeSize, SaysSizeAndLimit) {
  EXPECT_NO_THROW(check_made_size(16384, 16384, "a.png"));
  EXPECT_THAT(test::error_of<InputError>([] { check_made_size(16384, 16385, "a.png"); }),
              AllOf(HasSubstr("a.png"), HasSubstr("16385×16384"), HasSubstr("268435456")));
  EXPECT_THROW(check_made_size(int64_t{1} << 62, int64_t{1} << 62, "a.png"), InputError);
  EXPECT_NO_THROW(check_made_size(1 << 20, 1 << 20, {0, 0, 10, 10}, "a.png"));
  EXPECT_THROW(check_made_size(1 << 20, (int64_t{1} << 30) + 1, {0, 0, 10, 10}, "a.png"), InputError);
  EXPECT_THROW(check_made_size(1 << 20, 1 << 20, {0, 0, 1 << 15, 1 << 15}, "a.png"), InputError);
}

TEST(MadeSize, BoundsAResizedLine) {
  for (const Image& line : {gray(1, kLong), gray(kLong, 1)}) {
    EXPECT_THAT(test::error_of<InputError>([&] { resize_and_crop(line, 256, 0, "line.png"); }),
                AllOf(HasSubstr("line.png"), HasSubstr("16776960")));
    // A part of it is small.
    EXPECT_EQ(resize_and_crop(line, 256, 224, "line.png").pixels, gray(224, 224).pixels);
  }
  // 64×4194240 would be 805 MB of bytes, but 3 GB on the way.
  EXPECT_THROW(resize_and_crop(gray(1, kLong), 64, 0, "line.png"), InputError);
  // 256 · 20,000,000 fits no int.
  EXPECT_THROW(resize_and_crop(gray(1, 20'000'000), 256, 224, "line.png"), InputError);
}

TEST(MadeSize, BoundsAPaddedLine) {
  const Bytes line = encode_png(gray(1, kLong));
  Preprocessing padded = Preprocessing::from_type("reid_32");
  padded.pad_to_square = true;
  std::vector<float> output(size_t{3} * 32 * 32), views(view_count(TestViews::kTenCrop) * output.size());
  const auto says = AllOf(HasSubstr("line.png"), HasSubstr("65535×65535"));
  EXPECT_THAT(test::error_of<InputError>([&] { preprocess_eval(line, "line.png", padded, output); }), says);
  EXPECT_THAT(
      test::error_of<InputError>([&] { preprocess_views(line, "line.png", padded, TestViews::kTenCrop, views); }),
      says);
  EXPECT_THAT(test::error_of<InputError>([&] {
                Random random(0, RandomPurpose::kAugment);
                preprocess_train(line, "line.png", {}, padded, {}, random, output);
              }),
              says);
  EXPECT_THAT(test::error_of<InputError>([&] { preprocess_eval(gray(1, kLong), padded, output); }),
              HasSubstr("65535×65535"));
}

TEST(MadeSize, EvaluationTakesAPartOfALineAndRefusesOneThatIsTooLong) {
  Preprocessing preprocessing = Preprocessing::from_type("imagenet_32");
  std::vector<float> output(size_t{3} * 32 * 32);
  preprocess_eval(encode_png(gray(1, kLong)), "line.png", preprocessing, output);
  EXPECT_FLOAT_EQ(output[0], 90 - 123.68f);
  preprocessing.eval_resize = 16384;  // · 1,000,000 fits no int
  EXPECT_THAT(test::error_of<InputError>(
                  [&] { preprocess_eval(encode_png(gray(1, 1'000'000)), "line.png", preprocessing, output); }),
              HasSubstr("line.png"));
}

TEST(MadeSize, BoundsFogFrostAndBlurs) {
  const Image line = gray(4, kLong);
  for (const char* name : {"fog", "frost", "elastic_transform", "jpeg_compression"}) {
    EXPECT_THROW(corrupt(line, name, 3, 0), InputError) << name;
  }
  EXPECT_EQ(corrupt(line, "contrast", 1, 0).pixels.size(), line.pixels.size());
  EXPECT_THROW(corrupt(gray(1, 8'000'000), "motion_blur", 5, 0), InputError);
}

TEST(MadeSize, WhatCannotBeWarpedIsABrokenImage) {
  EXPECT_THAT(test::error_of<InputError>([] {
                perturb(gray(4, 40000), "tilt", 0, {0, 4});
              }),
              AllOf(HasSubstr("tilt"), HasSubstr("40000×4")));
}

TEST(MadeSize, NoJpegIsLongerThanTheFormatAllows) {
  EXPECT_THAT(test::error_of<InputError>([] { encode_jpeg(gray(1, 65501), 85); }),
              AllOf(HasSubstr("65501×1"), HasSubstr("65500")));
}

}  // namespace
}  // namespace assemble
