// SPDX-License-Identifier: Apache-2.0
// Training on the crops of evaluation.
#include <gtest/gtest.h>

#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "sample_images.h"

namespace assemble {
namespace {

TEST(EvaluationCrop, IsOfEvaluationsPixelsAtTheSideOfTraining) {
  const Bytes file = encode_png(test::wavy_image(90, 120));
  for (const char* type : {"imagenet_64", "imagenet_64a", "torchvision_64", "reid_64"}) {
    Preprocessing preprocessing = Preprocessing::from_type(type);
    preprocessing.train_size = 64;
    std::vector<float> expected(64 * 64 * 3), crop(expected.size()), mirrored(expected.size());
    preprocess_eval(file, "image", preprocessing, expected);
    preprocessing.eval_size = 32;  // the side is that of training
    Augmentation augmentation;
    augmentation.evaluation_crop = true;
    for (const bool mirrors : {false, true}) {
      augmentation.flip_probability = mirrors ? 1 : 0;
      Random random(1, RandomPurpose::kAugment);
      preprocess_train(file, "image", {}, preprocessing, augmentation, random, mirrors ? mirrored : crop);
    }
    EXPECT_EQ(crop, expected) << type;
    for (size_t i = 0; i < crop.size(); ++i) {
      const size_t x = i / 3 % 64, row = i / 3 / 64;
      ASSERT_EQ(mirrored[(row * 64 + 63 - x) * 3 + i % 3], expected[i]) << type;
    }
  }
}

TEST(Augmentation, IsRandomUnlessAllOfItIsFixed) {
  Augmentation augmentation;
  augmentation.flip_probability = 0;
  EXPECT_TRUE(augmentation.is_random(PreprocessingFamily::kImagenet)) << "windows are drawn";
  augmentation.evaluation_crop = true;
  EXPECT_FALSE(augmentation.is_random(PreprocessingFamily::kImagenet));
  EXPECT_TRUE(augmentation.is_random(PreprocessingFamily::kInception));
  augmentation.flip_probability = 0.5;
  EXPECT_TRUE(augmentation.is_random(PreprocessingFamily::kImagenet));
  augmentation.flip_probability = 1;
  augmentation.set_operations("rand");
  EXPECT_TRUE(augmentation.is_random(PreprocessingFamily::kImagenet));
}

}  // namespace
}  // namespace assemble
