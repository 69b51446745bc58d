// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/aug_mix.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::read_image;

constexpr const char* kNames[] = {"AutoContrast", "Equalize", "Posterize",  "Rotate",    "Solarize",
                                  "ShearX",       "ShearY",   "TranslateX", "TranslateY"};

AugMixOperation operation_of(const std::string& name) {
  for (int i = 0; i < kAugMixOperations; ++i) {
    if (name == kNames[i]) return static_cast<AugMixOperation>(i);
  }
  throw std::runtime_error(name);
}

/// Cases are named OPERATION/LEVEL/SIGN/IMAGE; their images image/IMAGE.
TEST(AugMix, OperationsAreThePublishedOnes) {
  const SafetensorsFile file(test::stored_golden("techniques/aug_mix.safetensors"));
  std::map<std::string, int> cases;
  for (const auto& [key, entry] : file.tensors()) {
    if (key.starts_with("image/")) continue;
    const std::vector<std::string> parts = split(key, '/');
    Image image = read_image(file, "image/" + parts.at(3));
    apply_aug_mix_operation(image, operation_of(parts[0]), std::stod(parts[1]), parts[2] == "-");
    EXPECT_EQ(image.pixels, read_image(file, key).pixels) << key;
    ++cases[parts[0]];
  }
  EXPECT_EQ(cases.size(), static_cast<size_t>(kAugMixOperations));
}

/// All weights add up to one, so a uniform image that no operation changes stays.
TEST(AugMix, WeightsAddUpToOne) {
  const Image gray{8, 8, std::vector<uint8_t>(8 * 8 * 3, 40)};
  int unchanged = 0;
  for (uint64_t sample = 0; sample < 200; ++sample) {
    Random random(1, RandomPurpose::kAugment, 0, sample);
    std::vector<float> mixed(gray.pixels.size());
    aug_mix(gray, {.severity = 1, .width = 2, .max_depth = 1}, random, mixed);
    for (const float value : mixed) EXPECT_LE(value, 48.001f);
    unchanged += std::abs(mixed[3 * 36] - 40) < 1e-3;
  }
  EXPECT_GT(unchanged, 50);
}

TEST(AugMix, TrainingGivesTheImageAndTwoMixedViews) {
  const Bytes file = encode_png(test::wavy_image(32, 32));
  Preprocessing preprocessing;
  preprocessing.train_size = 32;
  Augmentation plain, one, three;
  one.aug_mix.severity = three.aug_mix.severity = 3;
  three.aug_mix.views = 3;
  const size_t pixels = 32 * 32 * 3;
  const auto make = [&](const Augmentation& augmentation, uint64_t sample) {
    std::vector<float> output(pixels * static_cast<size_t>(augmentation.views()));
    Random random(2, RandomPurpose::kAugment, 0, sample);
    preprocess_train(file, "image", {}, preprocessing, augmentation, random, output);
    return output;
  };
  for (uint64_t sample = 0; sample < 10; ++sample) {
    const std::vector<float> clean = make(plain, sample), mixed = make(one, sample), views = make(three, sample);
    EXPECT_EQ(views, make(three, sample));
    for (size_t i = 0; i < pixels; ++i) {
      // The image was cut to bytes before it was mixed.
      ASSERT_NEAR(views[i], clean[i], 1.001) << i;
      ASSERT_EQ(views[pixels + i], mixed[i]) << "the first mixed view is what one view would be";
    }
    EXPECT_FALSE(std::equal(views.begin() + pixels, views.begin() + 2 * pixels, views.begin() + 2 * pixels));
    EXPECT_FALSE(std::equal(views.begin(), views.begin() + pixels, views.begin() + pixels));
  }
}

}  // namespace
}  // namespace assemble
