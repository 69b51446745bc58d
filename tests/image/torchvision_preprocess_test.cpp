// SPDX-License-Identifier: Apache-2.0
// Preprocessing of imported networks against what torchvision gave, see tests/make_torch_files.py.
#include <gtest/gtest.h>

#include <cstdio>

#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "assemble/image/resize.h"
#include "assemble/io/safetensors.h"
#include "test_support.h"

namespace assemble {
namespace {

/// As tests/make_torch_files.py draws it.
Image torchvision_pattern(int height, int width) {
  Image image{height, width, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        image.pixels.push_back(static_cast<uint8_t>((x * 37 + y * 91 + c * 29 + x * y * 3) % 256));
      }
    }
  }
  return image;
}

TEST(TorchvisionPreprocessing, EvaluationIsItsResizeAndCenterCrop) {
  const SafetensorsFile golden(test::stored_golden("torchvision.safetensors"));
  for (const auto& [name, entry] : golden.tensors()) {
    SCOPED_TRACE(name);
    int height = 0, width = 0;
    ASSERT_EQ(std::sscanf(name.c_str(), "%*[a-z]/%dx%d", &height, &width), 2);
    Preprocessing preprocessing = Preprocessing::from_type("torchvision_15_18");
    preprocessing.bicubic = name.starts_with("bicubic");
    preprocessing.mean = {0, 0, 0};
    preprocessing.deviation = {1, 1, 1};
    std::vector<float> seen(15 * 15 * 3);
    preprocess_eval(encode_png(torchvision_pattern(height, width)), name, preprocessing, seen);
    const Bytes expected = golden.read(name);
    EXPECT_EQ(seen, std::vector<float>(expected.begin(), expected.end()));
  }
}

TEST(TorchvisionPreprocessing, WholeImagesCanBeResizedByPillowToo) {
  Preprocessing preprocessing = Preprocessing::from_type("torchvision_15_18");
  preprocessing.family = PreprocessingFamily::kTorchvisionSquash;
  preprocessing.mean = {0, 0, 0};
  preprocessing.deviation = {1, 1, 1};
  const Image image = torchvision_pattern(31, 47);
  for (const ResizeFilter filter : {ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
    preprocessing.bicubic = filter == ResizeFilter::kBicubic;
    Bytes expected(15 * 15 * 3);
    resize_as_pillow(image, 15, 15, {0, 0, 15, 15}, expected, filter);
    std::vector<float> seen(expected.size());
    preprocess_eval(image, preprocessing, seen);
    EXPECT_EQ(seen, std::vector<float>(expected.begin(), expected.end()));
  }
  EXPECT_EQ(Preprocessing::from_json(preprocessing.to_json(), "here"), preprocessing);
}

TEST(TorchvisionPreprocessing, CorruptedImagesAreCutAlike) {
  const Preprocessing preprocessing = [] {
    Preprocessing p = Preprocessing::from_type("torchvision_15_18");
    p.mean = {0, 0, 0};
    p.deviation = {1, 1, 1};
    return p;
  }();
  for (const auto& [height, width] : {std::pair(31, 47), std::pair(47, 31), std::pair(32, 57), std::pair(18, 27)}) {
    const Image image = torchvision_pattern(height, width);
    const Image stored = resize_and_crop(image, 18, 15, "image");
    std::vector<float> seen(15 * 15 * 3);
    preprocess_eval(image, preprocessing, seen);
    EXPECT_EQ(seen, std::vector<float>(stored.pixels.begin(), stored.pixels.end())) << height << 'x' << width;
  }
}

TEST(TorchvisionPreprocessing, AnImageOfTheRightSizeIsNotTouched) {
  Preprocessing preprocessing = Preprocessing::from_type("torchvision_18_18_bicubic");
  preprocessing.mean = {0, 0, 0};
  preprocessing.deviation = {1, 1, 1};
  const Image image = torchvision_pattern(18, 18);
  std::vector<float> seen(18 * 18 * 3);
  preprocess_eval(image, preprocessing, seen);
  EXPECT_EQ(seen, std::vector<float>(image.pixels.begin(), image.pixels.end()));
  EXPECT_EQ(resize_and_crop(image, 18, 18, "image").pixels, image.pixels);
}

TEST(TorchvisionPreprocessing, TenCropTakesItsCentre) {
  // 18x27 resized to 18x27: the middle of five crops of 15 begins at (1.5, 6), rounded to the even 2.
  Preprocessing preprocessing = Preprocessing::from_type("torchvision_15_18");
  preprocessing.mean = {0, 0, 0};
  preprocessing.deviation = {1, 1, 1};
  const Image image = torchvision_pattern(18, 27);
  std::vector<float> views(view_count(TestViews::kTenCrop) * 15 * 15 * 3);
  preprocess_views(encode_png(image), "image", preprocessing, TestViews::kTenCrop, views);
  EXPECT_EQ(views[4 * 15 * 15 * 3], image.row(2)[6 * 3]);
}

}  // namespace
}  // namespace assemble
