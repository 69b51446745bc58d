// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "sample_images.h"

namespace assemble {
namespace {

constexpr size_t kSide = 32, kPixels = kSide * kSide * 3;

std::vector<float> views_of(const Bytes& photo, const Preprocessing& preprocessing, TestViews views) {
  std::vector<float> output(static_cast<size_t>(view_count(views)) * kPixels);
  preprocess_views(photo, "photo", preprocessing, views, output);
  return output;
}

std::vector<float> view(const std::vector<float>& views, size_t index) {
  const auto begin = views.begin() + static_cast<ptrdiff_t>(index * kPixels);
  return {begin, begin + kPixels};
}

std::vector<float> mirrored(const std::vector<float>& pixels) {
  std::vector<float> result(kPixels);
  for (size_t y = 0; y < kSide; ++y) {
    for (size_t x = 0; x < kSide; ++x) {
      std::copy_n(&pixels[(y * kSide + x) * 3], 3, &result[(y * kSide + kSide - 1 - x) * 3]);
    }
  }
  return result;
}

class TestViewsOf : public testing::TestWithParam<const char*> {
 protected:
  const Bytes photo_ = encode_png(test::wavy_image(70, 90));
  const Preprocessing preprocessing_ = Preprocessing::from_type(GetParam());
};

TEST_P(TestViewsOf, NoneIsEvaluationsCropAndMirrorAddsItsMirrorImage) {
  std::vector<float> plain(kPixels);
  preprocess_eval(photo_, "photo", preprocessing_, plain);
  EXPECT_EQ(views_of(photo_, preprocessing_, TestViews::kOne), plain);
  const std::vector<float> two = views_of(photo_, preprocessing_, TestViews::kMirror);
  EXPECT_EQ(view(two, 0), plain);
  EXPECT_EQ(view(two, 1), mirrored(plain));
  EXPECT_NE(view(two, 1), plain);
}

TEST_P(TestViewsOf, FiveCropsAreTheFirstOfTenAndTheOthersTheirMirrorImages) {
  const std::vector<float> five = views_of(photo_, preprocessing_, TestViews::kFiveCrop);
  const std::vector<float> ten = views_of(photo_, preprocessing_, TestViews::kTenCrop);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(view(ten, i), view(five, i)) << i;
    EXPECT_EQ(view(ten, i + 5), mirrored(view(five, i))) << i;
    for (size_t j = 0; j < i; ++j) EXPECT_NE(view(five, i), view(five, j)) << i << " and " << j;
  }
}

TEST_P(TestViewsOf, ScalesAreThreeSizesOfTheCentre) {
  const std::vector<float> scales = views_of(photo_, preprocessing_, TestViews::kScales);
  EXPECT_EQ(view(scales, 1), view(views_of(photo_, preprocessing_, TestViews::kFiveCrop), 4));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(view(scales, i + 3), mirrored(view(scales, i))) << i;
    for (size_t j = 0; j < i; ++j) EXPECT_NE(view(scales, i), view(scales, j)) << i << " and " << j;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, TestViewsOf,
                         testing::Values("imagenet_32", "torchvision_32", "reid_32", "inception_32"));

TEST(TestViews, AreAsManyAsTheOutputHasRoomFor) {
  std::vector<float> output(kPixels);
  EXPECT_THROW(preprocess_views(encode_png(test::wavy_image(40, 40)), "photo", Preprocessing::from_type("imagenet_32"),
                                TestViews::kMirror, output),
               UsageError);
}

}  // namespace
}  // namespace assemble
