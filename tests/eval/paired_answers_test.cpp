// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/paired_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

/// So many images that both have right, the first alone, the second alone, and neither.
PairedAnswers pair(size_t both, size_t first, size_t second, size_t neither) {
  std::vector<uint8_t> of_first(both, 1), of_second(both, 1);
  of_first.insert(of_first.end(), first, 1);
  of_second.insert(of_second.end(), first, 0);
  of_first.insert(of_first.end(), second + neither, 0);
  of_second.insert(of_second.end(), second, 1);
  of_second.insert(of_second.end(), neither, 0);
  return pair_answers(of_first, of_second);
}

/// scipy.stats.binomtest(min(a, b), a + b).pvalue
TEST(PairedAnswers, McNemarsTestIsTheBinomialsOfScipy) {
  EXPECT_NEAR(mcnemar_exact(3, 10), 0.092285156, 1e-9);
  EXPECT_NEAR(mcnemar_exact(5, 0), 0.0625, 1e-12);
  EXPECT_NEAR(mcnemar_exact(400, 460), 0.044169548, 1e-8);
  EXPECT_EQ(mcnemar_exact(7, 7), 1);
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
}

TEST(PairedAnswers, CountTheImagesThatOneAloneHasRight) {
  const PairedAnswers answers = pair(50, 10, 30, 10);
  EXPECT_EQ(answers.images, 100);
  EXPECT_EQ(answers.only_first, 10);
  EXPECT_EQ(answers.only_second, 30);
  EXPECT_DOUBLE_EQ(answers.difference, 0.2);
  EXPECT_DOUBLE_EQ(answers.p, mcnemar_exact(10, 30));
}

/// The standard error is √((0.4 − 0.2²) / 100) = 0.06, so the interval is about 0.2 ± 0.1176.
TEST(PairedAnswers, TheIntervalIsThatOfResampledImages) {
  const PairedAnswers answers = pair(50, 10, 30, 10);
  EXPECT_NEAR(answers.low, 0.2 - 0.1176, 0.021);
  EXPECT_NEAR(answers.high, 0.2 + 0.1176, 0.021);
  EXPECT_EQ(pair(50, 10, 30, 10).low, answers.low) << "the same each time";
  const PairedAnswers alike = pair(9, 0, 0, 3);
  EXPECT_EQ(alike.low, 0);
  EXPECT_EQ(alike.high, 0);
  EXPECT_EQ(alike.p, 1);
}

TEST(PairedAnswers, MustBeOfTheSameImages) {
  const std::vector<uint8_t> two{1, 0}, three{1, 0, 1};
  EXPECT_THAT(test::error_of<UsageError>([&] { pair_answers(two, three); }), testing::HasSubstr("of 2 and 3 images"));
  EXPECT_THAT(test::error_of<UsageError>([&] { pair_answers({}, {}); }), testing::HasSubstr("of 0 and 0 images"));
}

}  // namespace
}  // namespace assemble
