// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/random_augment.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "parity.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::read_image;

using test::error_of;
using ::testing::HasSubstr;
using enum RandomOperation;

constexpr const char* kNames[] = {"Identity",  "ShearX",     "ShearY",       "TranslateX", "TranslateY",
                                  "Rotate",    "Brightness", "Color",        "Contrast",   "Sharpness",
                                  "Posterize", "Solarize",   "AutoContrast", "Equalize"};

RandomOperation operation_of(const std::string& name) {
  for (int i = 0; i < kRandomOperations; ++i) {
    if (name == kNames[i]) return static_cast<RandomOperation>(i);
  }
  throw std::runtime_error(name);
}

/// Cases are named OPERATION/MAGNITUDE/IMAGE; their images image/IMAGE.
TEST(RandomAugment, PixelsAreThoseOfTorchvision) {
  const SafetensorsFile file(test::stored_golden("techniques/random_augment.safetensors"));
  std::map<std::string, int> cases;
  int differing = 0;
  for (const auto& [key, entry] : file.tensors()) {
    if (key.starts_with("image/")) continue;
    const std::vector<std::string> parts = split(key, '/');
    Image image = read_image(file, "image/" + parts.at(2));
    apply_change(image, {operation_of(parts[0]), std::stod(parts[1])});
    const Image expected = read_image(file, key);
    int different = 0, largest = 0;
    for (size_t i = 0; i < expected.pixels.size(); ++i) {
      const int difference = std::abs(image.pixels.at(i) - expected.pixels[i]);
      different += difference > 0;
      largest = std::max(largest, difference);
    }
    EXPECT_EQ(different, 0) << key << ": " << different << " of " << expected.pixels.size() << ", by up to " << largest;
    differing += different > 0;
    ++cases[parts[0]];
  }
  EXPECT_EQ(cases.size(), static_cast<size_t>(kRandomOperations));
  test::log_parity("random augment", "operations", "cases of which a byte differs", differing, 1);
}

TEST(RandomAugment, MagnitudesAreThoseOfTorchvision) {
  const auto stored = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/random_augment.json")));
  EXPECT_EQ(stored.size(), 2 * 3 * 11u);
  for (const auto& [key, values] : stored.items()) {
    const std::vector<std::string> parts = split(key, '/');
    const RandomAugment augment = RandomAugment::parse(parts[0]);
    for (int step = 0; step < RandomAugment::kMagnitudes; ++step) {
      const double expected = values.at(static_cast<size_t>(step));
      const double found =
          random_magnitude(augment, operation_of(parts[1]), step, std::stoi(parts[2]), std::stoi(parts[3]));
      EXPECT_EQ(found, expected) << key << " " << step;
    }
  }
}

TEST(RandomAugment, OperationsMagnitudesAndSignsAreDrawnEvenly) {
  constexpr int kDraws = 56000;
  const RandomAugment wide = RandomAugment::parse("trivial-wide");
  std::map<RandomOperation, int> counts;
  std::map<double, int> rotations;
  for (uint64_t sample = 0; sample < kDraws; ++sample) {
    Random random(3, RandomPurpose::kAugment, 1, sample);
    const std::vector<DrawnChange> drawn = draw_changes(wide, 32, 32, random);
    ASSERT_EQ(drawn.size(), 1u);
    ++counts[drawn[0].operation];
    if (drawn[0].operation == kRotate) ++rotations[drawn[0].magnitude];
  }
  for (int i = 0; i < kRandomOperations; ++i) {
    EXPECT_NEAR(counts[static_cast<RandomOperation>(i)], kDraws / 14.0, 5 * std::sqrt(kDraws / 14.0)) << kNames[i];
  }
  EXPECT_EQ(rotations.size(), 61u) << "31 magnitudes of two signs, 0 of which are one";
  for (const auto& [degrees, count] : rotations) {
    const double mean = kDraws / 14.0 / 62 * (degrees == 0 ? 2 : 1);
    EXPECT_NEAR(count, mean, 5 * std::sqrt(mean)) << degrees;
  }
}

TEST(RandomAugment, RandAugmentTakesOperationsOfOneMagnitude) {
  const RandomAugment augment = RandomAugment::parse("rand-m15-n3");
  EXPECT_EQ(augment, (RandomAugment{false, 3, 15}));
  EXPECT_EQ(RandomAugment::parse("rand"), (RandomAugment{false, 2, 9}));
  EXPECT_EQ(RandomAugment::parse("rand-n1"), (RandomAugment{false, 1, 9}));
  for (uint64_t sample = 0; sample < 200; ++sample) {
    Random random(3, RandomPurpose::kAugment, 1, sample);
    const std::vector<DrawnChange> drawn = draw_changes(augment, 40, 50, random);
    ASSERT_EQ(drawn.size(), 3u);
    for (const DrawnChange& change : drawn) {
      EXPECT_EQ(std::abs(change.magnitude), random_magnitude(augment, change.operation, 15, 40, 50));
    }
  }
}

TEST(RandomAugment, KeepsTheSizeOfEveryImage) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 7}, {7, 1}, {2, 2}, {13, 5}}) {
    for (uint64_t sample = 0; sample < 300; ++sample) {
      Image image = test::wavy_image(height, width);
      Random random(1, RandomPurpose::kAugment, 0, sample);
      random_augment(image, RandomAugment{.trivial_wide = sample % 2 == 0}, random);
      ASSERT_EQ(image.pixels.size(), static_cast<size_t>(height) * width * 3);
    }
  }
}

TEST(RandomAugment, NamesAreReadOrRefused) {
  for (const char* wrong : {"rand-m31", "rand-m-1", "rand-n0", "rand-m", "rand-x3", "rand-m9-mstd0.5", "rand-m1.5",
                            "random", "trivial", "rand-"}) {
    EXPECT_THAT(error_of<UsageError>([&] { RandomAugment::parse(wrong); }), HasSubstr("rand-mM-nN")) << wrong;
  }
  Augmentation augmentation;
  augmentation.set_operations("trivial-wide");
  EXPECT_TRUE(augmentation.random_augment->trivial_wide);
  EXPECT_EQ(augmentation.auto_augment, nullptr);
  augmentation.set_operations("good");
  EXPECT_FALSE(augmentation.random_augment.has_value());
  EXPECT_EQ(augmentation.auto_augment->name, "good");
  augmentation.set_operations("none");
  EXPECT_EQ(augmentation.auto_augment, nullptr);
  EXPECT_THAT(error_of<UsageError>([&] { augmentation.set_operations("imagnet"); }),
              HasSubstr("did you mean imagenet"));
  EXPECT_THAT(error_of<UsageError>([&] { augmentation.set_operations("trivial"); }), HasSubstr("trivial-wide, rand"));
}

TEST(RandomAugment, TrainingAppliesItToTheCrop) {
  const Bytes file = encode_png(test::wavy_image(32, 32));
  Preprocessing preprocessing;
  preprocessing.train_size = 32;
  Augmentation plain, augmented;
  augmented.random_augment = RandomAugment{.operations = 1};
  int changed = 0;
  for (uint64_t sample = 0; sample < 20; ++sample) {
    std::vector<float> before(32 * 32 * 3), after(before.size()), again(before.size());
    const auto make = [&](const Augmentation& augmentation, std::vector<float>& output) {
      Random random(2, RandomPurpose::kAugment, 0, sample);
      preprocess_train(file, "image", {}, preprocessing, augmentation, random, output);
    };
    make(plain, before);
    make(augmented, after);
    make(augmented, again);
    EXPECT_EQ(after, again);
    changed += before != after;
  }
  EXPECT_GT(changed, 10);
}

}  // namespace
}  // namespace assemble
