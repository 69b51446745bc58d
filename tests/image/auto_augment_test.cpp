// SPDX-License-Identifier: Apache-2.0
#include "assemble/image/auto_augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/io/safetensors.h"
#include "parity.h"
#include "sample_images.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum AugmentOperation;

Image read_image(const SafetensorsFile& file, const std::string& name) {
  const std::vector<int64_t>& shape = file.entry(name).shape;
  return {static_cast<int>(shape.at(0)), static_cast<int>(shape.at(1)), file.read(name)};
}

/// Cases are named OPERATION/LEVEL/SIGN/IMAGE; their images image/IMAGE.
void compare_operations(const fs::path& path) {
  const SafetensorsFile file(path);
  int cases = 0, worst = 0;
  double worst_share = 0;
  for (const auto& [key, entry] : file.tensors()) {
    if (key.starts_with("image/")) continue;
    const std::vector<std::string> parts = split(key, '/');
    ASSERT_EQ(parts.size(), 4u) << key;
    Image image = read_image(file, "image/" + parts[3]);
    apply_operation(image, {parse_augment_operation(parts[0]), std::stoi(parts[1]), parts[2] == "-"});
    const Image expected = read_image(file, key);
    ASSERT_EQ(image.pixels.size(), expected.pixels.size()) << key;
    int different = 0, largest = 0;
    for (size_t i = 0; i < image.pixels.size(); ++i) {
      const int difference = std::abs(image.pixels[i] - expected.pixels[i]);
      different += difference > 0;
      largest = std::max(largest, difference);
    }
    EXPECT_LE(largest, 1) << key;
    EXPECT_LE(different, 0.001 * static_cast<double>(image.pixels.size())) << key;
    worst = std::max(worst, largest);
    worst_share = std::max(worst_share, different / static_cast<double>(image.pixels.size()));
    ++cases;
  }
  EXPECT_GT(cases, 0);
  test::log_parity("autoaugment", "operations", "largest difference of a byte", worst, 1);
  test::log_parity("autoaugment", "operations", "share of bytes that differ: worst case", worst_share, 1e-3);
}

TEST(AutoAugmentOperations, EqualTheOriginalOnStoredImages) {
  compare_operations(test::stored_golden("autoaugment_ops.safetensors"));
}

TEST(AutoAugmentOperations, EqualTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  compare_operations(golden / "autoaugment_ops.safetensors");
}

void compare_policies(const fs::path& path) {
  const auto policies = nlohmann::json::parse(test::read_text(path));
  EXPECT_FALSE(policies.empty());
  for (const auto& [name, expected] : policies.items()) {
    const AutoAugmentPolicy& policy = auto_augment_policy(name);
    ASSERT_EQ(policy.sub_policies.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_EQ(expected[i].size(), 2u);
      for (size_t k = 0; k < 2; ++k) {
        const AugmentStep& step = policy.sub_policies[i][k];
        EXPECT_EQ(step.operation, parse_augment_operation(expected[i][k][0])) << name << " " << i;
        EXPECT_EQ(step.probability, expected[i][k][1].get<double>()) << name << " " << i;
        EXPECT_EQ(step.level, expected[i][k][2].get<int>()) << name << " " << i;
      }
    }
  }
}

TEST(AutoAugmentPolicies, EqualTheOriginal) {
  compare_policies(test::stored_golden("autoaugment_policies.json"));
  if (const auto golden = test::golden_directory()) compare_policies(*golden / "autoaugment_policies.json");
}

TEST(AutoAugmentPolicies, UnknownNamesAreErrorsThatListThem) {
  EXPECT_THAT(auto_augment_policy_names(), ElementsAre("imagenet", "good", "cifar10", "svhn", "v0"));
  EXPECT_THAT(error_of<UsageError>([] { auto_augment_policy("imagnet"); }),
              HasSubstr("expected imagenet, good, cifar10, svhn or v0 (did you mean imagenet?)"));
  EXPECT_THAT(error_of<UsageError>([] { parse_augment_operation("Blur"); }), HasSubstr("AutoContrast, Equalize"));
}

Image row_of(const std::vector<uint8_t>& grays) {
  Image image{1, static_cast<int>(grays.size()), {}};
  for (const uint8_t gray : grays) image.pixels.insert(image.pixels.end(), 3, gray);
  return image;
}

std::vector<int> grays_after(const std::vector<uint8_t>& grays, const DrawnOperation& operation) {
  Image image = row_of(grays);
  apply_operation(image, operation);
  std::vector<int> result;
  for (size_t i = 0; i < image.pixels.size(); i += 3) result.push_back(image.pixels[i]);
  return result;
}

TEST(AutoAugmentOperations, HaveTheirLiteralMeaning) {
  EXPECT_THAT(grays_after({0, 100, 255}, {kInvert, 5}), ElementsAre(255, 155, 0));
  EXPECT_THAT(grays_after({50, 100, 150}, {kAutoContrast, 5}), ElementsAre(0, 127, 255));
  EXPECT_THAT(grays_after({7, 7, 7}, {kAutoContrast, 5}), ElementsAre(7, 7, 7));
  EXPECT_THAT(grays_after({255, 100, 30}, {kPosterize, 5}), ElementsAre(192, 64, 0));
  EXPECT_THAT(grays_after({255, 127, 30}, {kPosterize, 0}), ElementsAre(128, 0, 0));
  EXPECT_THAT(grays_after({100, 127, 128}, {kSolarize, 5}), ElementsAre(100, 127, 127));
  EXPECT_THAT(grays_after({100, 127, 128}, {kSolarizeAdd, 10}), ElementsAre(210, 237, 128));
  EXPECT_THAT(grays_after({100, 200, 10}, {kBrightness, 10}), ElementsAre(190, 255, 19));
  // Seven pixels are fewer than 256: the constant that contrast blends with is 0.
  EXPECT_THAT(grays_after({100, 200, 10, 0, 0, 0, 0}, {kContrast, 0}), ElementsAre(10, 20, 1, 0, 0, 0, 0));
  EXPECT_THAT(grays_after({100, 50}, {kColor, 9}), ElementsAre(100, 50));
}

TEST(AutoAugmentOperations, MovePixelsAndFillWithGray) {
  std::vector<uint8_t> ramp(60);
  for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<uint8_t>(i);
  const std::vector<int> moved = grays_after(ramp, {kTranslateX, 1});
  EXPECT_EQ(moved[0], 25);
  EXPECT_EQ(moved[34], 59);
  EXPECT_EQ(moved[35], 128);
  const std::vector<int> back = grays_after(ramp, {kTranslateX, 1, true});
  EXPECT_EQ(back[24], 128);
  EXPECT_EQ(back[25], 0);
  EXPECT_THAT(grays_after({1, 2, 3}, {kRotate, 0}), ElementsAre(1, 2, 3));
}

TEST(AutoAugmentOperations, EqualizeGivesUniformValuesTheWholeRange) {
  std::vector<uint8_t> narrow;
  for (int i = 0; i < 51200; ++i) narrow.push_back(static_cast<uint8_t>(100 + i % 50));
  const std::vector<int> wide = grays_after(narrow, {kEqualize, 5});
  const auto [low, high] = std::minmax_element(wide.begin(), wide.end());
  EXPECT_EQ(*low, 0);
  EXPECT_EQ(*high, 255);
  EXPECT_THAT(grays_after({3, 3, 3}, {kEqualize, 5}), ElementsAre(3, 3, 3));
}

TEST(AutoAugmentOperations, KeepTheSizeOfEveryImage) {
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 7}, {7, 1}, {2, 2}, {13, 5}}) {
    for (int operation = 0; operation <= static_cast<int>(kCutout); ++operation) {
      for (int level = 0; level <= 10; ++level) {
        Image image = test::wavy_image(height, width);
        apply_operation(image, {static_cast<AugmentOperation>(operation), level, level % 2 == 1, 0.9, 0.1});
        ASSERT_EQ(image.pixels.size(), static_cast<size_t>(height) * width * 3);
      }
    }
  }
}

constexpr int kDraws = 40000;

/// Each sub-policy has the same chance, so a pair of operations is drawn whole with the mean over the sub-policies that
/// have it of the product of the probabilities.
TEST(AutoAugmentDraws, PoliciesAndProbabilitiesAreThoseOfTheTable) {
  for (const std::string& name : auto_augment_policy_names()) {
    const AutoAugmentPolicy& policy = auto_augment_policy(name);
    using Kind = std::vector<std::pair<AugmentOperation, int>>;
    std::map<Kind, double> expected, counted;
    for (const auto& [first, second] : policy.sub_policies) {
      const double p = first.probability, q = second.probability, n = static_cast<double>(policy.sub_policies.size());
      const std::pair a{first.operation, first.level}, b{second.operation, second.level};
      expected[{a, b}] += p * q / n;
      expected[{a}] += p * (1 - q) / n;
      expected[{b}] += (1 - p) * q / n;
      expected[{}] += (1 - p) * (1 - q) / n;
    }
    for (uint64_t sample = 0; sample < kDraws; ++sample) {
      Random random(3, RandomPurpose::kAugment, 1, sample);
      Kind kind;
      for (const DrawnOperation& drawn : draw_operations(policy, random))
        kind.push_back({drawn.operation, drawn.level});
      counted[kind] += 1.0 / kDraws;
    }
    for (const auto& [kind, share] : counted) EXPECT_TRUE(expected.contains(kind)) << name;
    for (const auto& [kind, share] : expected) {
      EXPECT_NEAR(counted[kind], share, 5 * std::sqrt(share * (1 - share) / kDraws)) << name;
    }
  }
}

TEST(AutoAugmentDraws, SignsAreEvenAndCutoutCentresUniform) {
  const AutoAugmentPolicy::SubPolicy steps[] = {{{{kRotate, 1.0, 5}, {kCutout, 1.0, 3}}}};
  double negated = 0, y = 0, x = 0, yy = 0, xx = 0, xy = 0;
  for (uint64_t sample = 0; sample < kDraws; ++sample) {
    Random random(4, RandomPurpose::kAugment, 0, sample);
    const std::vector<DrawnOperation> drawn = draw_operations({"test", steps}, random);
    ASSERT_EQ(drawn.size(), 2u);
    negated += drawn[0].negated;
    y += drawn[1].center_y;
    x += drawn[1].center_x;
    yy += drawn[1].center_y * drawn[1].center_y;
    xx += drawn[1].center_x * drawn[1].center_x;
    xy += drawn[1].center_y * drawn[1].center_x;
  }
  EXPECT_NEAR(negated / kDraws, 0.5, 0.0125);
  EXPECT_NEAR(y / kDraws, 0.5, 0.0075);
  EXPECT_NEAR(x / kDraws, 0.5, 0.0075);
  EXPECT_NEAR(yy / kDraws, 1.0 / 3, 0.0075);
  EXPECT_NEAR(xx / kDraws, 1.0 / 3, 0.0075);
  EXPECT_NEAR(xy / kDraws, 0.25, 0.0075);
}

/// A pixel is covered by the centres less than `half` above it and at most `half` below, so it is covered as often as
/// it has such rows and columns inside the image.
TEST(AutoAugmentDraws, CutoutCoversPixelsAsOftenAsItsCentreSays) {
  constexpr int kHeight = 40, kWidth = 60, kHalf = 10;
  const AutoAugmentPolicy::SubPolicy steps[] = {{{{kInvert, 0.0, 0}, {kCutout, 1.0, 1}}}};
  std::vector<int> covered(kHeight * kWidth);
  for (uint64_t sample = 0; sample < 20000; ++sample) {
    Random random(5, RandomPurpose::kAugment, 0, sample);
    Image image{kHeight, kWidth, std::vector<uint8_t>(kHeight * kWidth * 3)};
    auto_augment(image, {"test", steps}, random);
    for (size_t i = 0; i < covered.size(); ++i) covered[i] += image.pixels[3 * i] == 128;
  }
  const auto places = [](int at, int length) {
    return std::min(at + kHalf, length - 1) - std::max(at - kHalf + 1, 0) + 1;
  };
  for (const auto& [y, x] : {std::pair{0, 0}, {20, 30}, {39, 59}, {5, 59}, {39, 10}}) {
    const double share = double(places(y, kHeight)) * places(x, kWidth) / (kHeight * kWidth);
    EXPECT_NEAR(covered[y * kWidth + x] / 20000.0, share, 5 * std::sqrt(share / 20000)) << y << ", " << x;
  }
}

TEST(AutoAugmentDraws, AreAFunctionOfSeedEpochAndSample) {
  const Image before = test::wavy_image(40, 50);
  std::set<std::vector<uint8_t>> seen;
  for (uint64_t sample = 0; sample < 20; ++sample) {
    Image one = before, two = before;
    Random first(6, RandomPurpose::kAugment, 2, sample), second(6, RandomPurpose::kAugment, 2, sample);
    auto_augment(one, auto_augment_policy("imagenet"), first);
    auto_augment(two, auto_augment_policy("imagenet"), second);
    EXPECT_EQ(one.pixels, two.pixels);
    seen.insert(one.pixels);
  }
  EXPECT_GT(seen.size(), 5u);
}

}  // namespace
}  // namespace assemble
