// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace assemble {
namespace {

using ::testing::ElementsAre;

// Known answers of philox4x32-10 published with Random123 (kat_vectors).
TEST(Philox, KnownAnswers) {
  EXPECT_THAT(philox4x32({0, 0, 0, 0}, {0, 0}), ElementsAre(0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u));
  EXPECT_THAT(philox4x32({0xffffffffu, 0xffffffffu, 0xffffffffu, 0xffffffffu}, {0xffffffffu, 0xffffffffu}),
              ElementsAre(0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu));
  EXPECT_THAT(philox4x32({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}),
              ElementsAre(0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u));
}

std::vector<uint32_t> words(Random random, int count) {
  std::vector<uint32_t> drawn;
  for (int i = 0; i < count; ++i) drawn.push_back(random());
  return drawn;
}

TEST(Random, SameCoordinatesGiveTheSameStream) {
  EXPECT_EQ(words(Random(7, RandomPurpose::kAugment, 3, 11), 10), words(Random(7, RandomPurpose::kAugment, 3, 11), 10));
}

// Stored runs can be repeated only as long as these stay.
TEST(Random, StreamIsPinned) {
  EXPECT_THAT(words(Random(1, RandomPurpose::kAugment, 2, 3), 5),
              ElementsAre(0x99eb8574u, 0xb80ad0bdu, 0xf61d4810u, 0x5e85cd1fu, 0x0feced21u));
}

TEST(Random, EveryCoordinateMatters) {
  std::set<uint32_t> first;
  for (uint64_t seed : {0u, 1u}) {
    for (RandomPurpose purpose : {RandomPurpose::kAugment, RandomPurpose::kCorrupt}) {
      for (uint32_t epoch : {0u, 1u, 1u << 24, 0xffffffffu}) {
        for (uint64_t sample : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
          first.insert(Random(seed, purpose, epoch, sample)());
        }
      }
    }
  }
  EXPECT_EQ(first.size(), 2u * 2u * 4u * 3u);
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

template <typename Draw>
Moments moments(Draw draw, int count = 50000) {
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    const double value = draw();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / count;
  return {mean, squares / count - mean * mean};
}

TEST(Random, UniformHasItsMomentsAndBounds) {
  Random random(5, RandomPurpose::kDraw);
  for (int i = 0; i < 10000; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
  }
  const Moments m = moments([&] { return random.uniform(-1.0, 3.0); });
  EXPECT_NEAR(m.mean, 1.0, 0.01);
  EXPECT_NEAR(m.variance, 16.0 / 12.0, 0.01);
}

TEST(Random, UniformStaysBelowItsUpperBound) {
  Random random(5, RandomPurpose::kDraw);
  const double low = 1.0, high = std::nextafter(1.0, 2.0);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(random.uniform(low, high), low);
}

TEST(Random, IntegerIsUniform) {
  Random random(6, RandomPurpose::kShuffle);
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 70000; ++i) ++counts[random.integer(7)];
  double chi_square = 0;
  for (int count : counts) chi_square += (count - 10000.0) * (count - 10000.0) / 10000.0;
  EXPECT_LT(chi_square, 22.5);  // 0.1 % point at 6 degrees of freedom
  EXPECT_EQ(random.integer(1), 0u);
  for (int i = 0; i < 1000; ++i) ASSERT_LT(random.integer((uint64_t{1} << 63) + 1), (uint64_t{1} << 63) + 1);
}

TEST(Random, NormalHasItsMoments) {
  Random random(7, RandomPurpose::kInitialise);
  const Moments m = moments([&] { return random.normal(); });
  EXPECT_NEAR(m.mean, 0.0, 0.01);
  EXPECT_NEAR(m.variance, 1.0, 0.02);
}

TEST(Random, GammaHasItsMoments) {
  for (double shape : {0.2, 1.0, 4.5}) {
    Random random(8, RandomPurpose::kMixup);
    const Moments m = moments([&] { return random.gamma(shape); });
    EXPECT_NEAR(m.mean, shape, 0.02 * std::max(shape, 0.3)) << shape;
    EXPECT_NEAR(m.variance, shape, 0.04 * std::max(shape, 0.3)) << shape;
  }
}

TEST(Random, BetaHasItsMoments) {
  for (auto [a, b] : {std::pair{0.2, 0.2}, {1.0, 1.0}, {2.0, 5.0}}) {
    Random random(9, RandomPurpose::kMixup);
    const Moments m = moments([&, a = a, b = b] { return random.beta(a, b); });
    EXPECT_NEAR(m.mean, a / (a + b), 0.005);
    EXPECT_NEAR(m.variance, a * b / ((a + b) * (a + b) * (a + b + 1)), 0.003);
  }
}

TEST(Random, BetaOfTinyParametersIsNeverNan) {
  Random random(10, RandomPurpose::kMixup);
  const Moments m = moments([&] { return random.beta(1e-4, 3e-4); }, 20000);
  EXPECT_NEAR(m.mean, 0.25, 0.02);
}

TEST(Random, BernoulliMeetsItsProbability) {
  Random random(11, RandomPurpose::kDropBlock);
  EXPECT_NEAR(moments([&] { return random.bernoulli(0.3) ? 1.0 : 0.0; }).mean, 0.3, 0.005);
  EXPECT_FALSE(random.bernoulli(0.0));
  EXPECT_TRUE(random.bernoulli(1.0));
}

TEST(Random, PermutationHoldsEveryIndexOnce) {
  Random random(12, RandomPurpose::kShuffle);
  std::vector<int64_t> order = random_permutation(1000, random);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(order[static_cast<size_t>(i)], i);
  EXPECT_TRUE(random_permutation(0, random).empty());
}

TEST(Random, EveryPermutationIsAsLikely) {
  Random random(13, RandomPurpose::kShuffle);
  std::map<std::vector<int64_t>, int> counts;
  for (int i = 0; i < 60000; ++i) ++counts[random_permutation(3, random)];
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 10000, 400);
}

}  // namespace
}  // namespace assemble
