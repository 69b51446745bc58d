// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "assemble/core/random.h"
#include "simd_targets.h"

namespace assemble {
namespace {

TEST(RandomFill, WordsAreThoseOfOneByOne) {
  for (const size_t count : {0u, 1u, 3u, 4u, 31u, 32u, 33u, 100u, 1000u}) {
    Random one(3, RandomPurpose::kCorrupt, 9, uint64_t{5} << 32);
    Random many = one;
    std::vector<uint32_t> expected(count), words(count);
    std::generate(expected.begin(), expected.end(), std::ref(one));
    many.fill_words(words);
    EXPECT_EQ(words, expected) << count;
  }
}

TEST(RandomFill, EachCallGoesOnAtTheNextBlock) {
  Random one(3, RandomPurpose::kCorrupt), many(3, RandomPurpose::kCorrupt);
  std::vector<uint32_t> words(5);
  many.fill_words(words);
  for (int i = 0; i < 8; ++i) one();
  EXPECT_EQ(many(), one());
  many.fill_words(words);
  for (int i = 0; i < 3; ++i) one();
  EXPECT_EQ(words[0], one());
}

/// Mean, deviation, skewness and excess kurtosis.
std::vector<double> moments(const std::vector<float>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double second = 0, third = 0, fourth = 0;
  for (const float value : values) {
    const double d = value - mean;
    second += d * d / n;
    third += d * d * d / n;
    fourth += d * d * d * d / n;
  }
  return {mean, std::sqrt(second), third / std::pow(second, 1.5), fourth / (second * second) - 3};
}

TEST(RandomFill, UniformHasItsMomentsAndBounds) {
  std::vector<float> values(1000003);
  Random(4, RandomPurpose::kCorrupt).fill_uniform(values);
  EXPECT_GE(*std::min_element(values.begin(), values.end()), 0.f);
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 1.f);
  const std::vector<double> m = moments(values);
  EXPECT_NEAR(m[0], 0.5, 0.001);
  EXPECT_NEAR(m[1], std::sqrt(1 / 12.0), 0.001);
  EXPECT_NEAR(m[3], -1.2, 0.01);
}

TEST(RandomFill, NormalHasItsMoments) {
  std::vector<float> values(1000003);
  Random(5, RandomPurpose::kCorrupt).fill_normal(values);
  const std::vector<double> m = moments(values);
  EXPECT_NEAR(m[0], 0, 0.004);
  EXPECT_NEAR(m[1], 1, 0.003);
  EXPECT_NEAR(m[2], 0, 0.01);
  EXPECT_NEAR(m[3], 0, 0.02);
}

TEST(RandomFill, NormalFollowsItsDistribution) {
  std::vector<float> values(1 << 18);
  Random(6, RandomPurpose::kCorrupt).fill_normal(values);
  std::sort(values.begin(), values.end());
  double largest = 0;  // Kolmogorov-Smirnov
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = 0.5 * std::erfc(-values[i] / std::sqrt(2.0));
    largest = std::max(largest, std::abs(expected - static_cast<double>(i) / static_cast<double>(values.size())));
  }
  EXPECT_LT(largest * 512, 1.95);  // 0.1 % point
}

TEST(RandomFill, NeighboursAndPairsAreUncorrelated) {
  std::vector<float> values(1 << 18);
  Random(7, RandomPurpose::kCorrupt).fill_normal(values);
  for (const size_t distance : {1u, 2u, 128u, 256u}) {
    double product = 0, squares = 0;
    for (size_t i = distance; i < values.size(); ++i) {
      product += values[i] * values[i - distance];
      squares += (values[i] * values[i] - 1) * (values[i - distance] * values[i - distance] - 1);
    }
    EXPECT_LT(std::abs(product / static_cast<double>(values.size())), 0.01) << distance;
    EXPECT_LT(std::abs(squares / static_cast<double>(values.size())), 0.02) << distance;
  }
}

TEST(RandomFill, EveryProcessorMakesTheSameBits) {
  std::vector<uint32_t> words, first_words;
  std::vector<float> normals, first_normals;
  int targets = 0;
  test::for_each_simd_target([&](const std::string& target) {
    words.assign(1003, 0);
    normals.assign(1003, 0);
    Random random(8, RandomPurpose::kCorrupt, 1);
    random.fill_words(words);
    random.fill_normal(normals);
    if (targets++ == 0) first_words = words, first_normals = normals;
    EXPECT_EQ(words, first_words) << target;
    EXPECT_EQ(normals, first_normals) << target;
  });
  EXPECT_GE(targets, 1);
}

TEST(RandomFill, NormalIsPinned) {
  std::vector<float> values(4);
  Random(1, RandomPurpose::kCorrupt, 2, 3).fill_normal(values);
  Random words(1, RandomPurpose::kCorrupt, 2, 3);
  std::vector<uint32_t> drawn(256);
  words.fill_words(drawn);
  for (size_t i = 0; i < values.size(); ++i) {
    const double radius = std::sqrt(-2 * std::log(((drawn[i] >> 9) + 0.5) / 8388608.0));
    const double angle = 2 * M_PI * (drawn[128 + i] >> 8) / 16777216.0;
    EXPECT_NEAR(values[i], radius * std::cos(angle), 4e-6);
  }
}

}  // namespace
}  // namespace assemble
