// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/evaluation_view.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "assemble/core/error.h"

namespace assemble {
namespace {

void expect_view(const EvaluationView& view, double y, double x, double height, double width, double tolerance = 1e-9) {
  EXPECT_NEAR(view.y, y, tolerance);
  EXPECT_NEAR(view.x, x, tolerance);
  EXPECT_NEAR(view.height, height, tolerance);
  EXPECT_NEAR(view.width, width, tolerance);
}

TEST(EvaluationView, OfEachFamilyIsTheCropInPixelsOfTheImage) {
  // The short side of 300 becomes 256, and 600 becomes 512: the crop of 224 is 262.5 wide.
  expect_view(evaluation_view({300, 600}, Preprocessing::from_type("imagenet"), ""), 18.75, 168.75, 262.5, 262.5);
  expect_view(evaluation_view({600, 300}, Preprocessing::from_type("torchvision_224_256"), ""), 168.75, 18.75, 262.5,
              262.5);
  expect_view(evaluation_view({300, 600}, Preprocessing::from_type("reid_128"), ""), 0, 0, 300, 600);
  expect_view(evaluation_view({800, 400}, Preprocessing::from_type("inception_299"), ""), 50, 25, 700, 350);
}

TEST(EvaluationView, LeavesTheImageWhereBordersAreAdded) {
  Preprocessing preprocessing = Preprocessing::from_type("reid_128");
  preprocessing.pad_to_square = true;
  expect_view(evaluation_view({300, 600}, preprocessing, ""), -150, 0, 600, 600);
  expect_view(evaluation_view({601, 300}, preprocessing, ""), 0, -150, 601, 601);
}

TEST(EvaluationView, ScalesWithACopyOfTheImage) {
  expect_view(EvaluationView{10, 20, 100, 200}.scaled(0.5, 0.25), 5, 5, 50, 50);
}

TEST(EvaluationView, RefusesWhatPreprocessingRefuses) {
  EXPECT_THROW(evaluation_view({1, 200'000'000}, Preprocessing::from_type("imagenet"), "long.png"), InputError);
}

/// A white spot on black shows where its pixels end up.
TEST(EvaluationView, IsWherePixelsComeFrom) {
  constexpr int kHeight = 90, kWidth = 140, kSpot = 6, kTop = 50, kLeft = 62;
  Image image = Image::create(kHeight, kWidth);
  for (int y = kTop; y < kTop + kSpot; ++y) std::fill_n(image.row(y) + 3 * kLeft, 3 * kSpot, uint8_t{255});
  for (const char* type : {"imagenet_64", "torchvision_64", "reid_64", "inception_64"}) {
    for (const bool pads : {false, true}) {
      Preprocessing preprocessing = Preprocessing::from_type(type);
      preprocessing.mean = {};
      preprocessing.deviation = {1, 1, 1};
      preprocessing.pad_to_square = pads;
      std::vector<float> seen(64 * 64 * 3);
      preprocess_eval(image, preprocessing, seen);
      double weight = 0, y = 0, x = 0;
      for (int place = 0; place < 64 * 64; ++place) {
        const double value = seen[static_cast<size_t>(place) * 3];
        weight += value;
        y += value * (place / 64 + 0.5);
        x += value * (place % 64 + 0.5);
      }
      const EvaluationView view = evaluation_view({kHeight, kWidth}, preprocessing, "");
      // The original's resize takes pixels by their corners, not their middles.
      EXPECT_NEAR(view.y + view.height * y / weight / 64, kTop + kSpot / 2.0, 1.3) << type << pads;
      EXPECT_NEAR(view.x + view.width * x / weight / 64, kLeft + kSpot / 2.0, 1.3) << type << pads;
    }
  }
}

}  // namespace
}  // namespace assemble
