// SPDX-License-Identifier: Apache-2.0
// Expected values are SciPy's: 2 * stats.t.sf(t, df), stats.sem, stats.t.interval, stats.ttest_rel.
#include "assemble/eval/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr std::array kBefore{0.81, 0.84, 0.80, 0.86};
constexpr std::array kAfter{0.83, 0.85, 0.84, 0.87};

TEST(Statistics, StudentsDistributionIsScipys) {
  EXPECT_NEAR(student_two_sided(1.5, 1), 0.3743340836219977, 1e-12);
  EXPECT_NEAR(student_two_sided(2.0, 2), 0.18350341907227397, 1e-12);
  EXPECT_NEAR(student_two_sided(-3.1, 3), 0.05329554461433608, 1e-12);
  EXPECT_NEAR(student_two_sided(0.7, 4), 0.5225001655934502, 1e-12);
  EXPECT_NEAR(student_two_sided(2.2, 9), 0.05534057279861165, 1e-12);
  EXPECT_NEAR(student_two_sided(4.0, 10), 0.0025183326247366945, 1e-12);
}

TEST(Statistics, AMeanHasItsErrorAndInterval) {
  const Estimate mean = estimate(kBefore);
  EXPECT_EQ(mean.runs, 4);
  EXPECT_NEAR(mean.mean, 0.8275, 1e-12);
  EXPECT_NEAR(mean.standard_error.value(), 0.013768926368215237, 1e-12);
  EXPECT_NEAR(mean.low.value(), 0.78368113115175, 1e-9);
  EXPECT_NEAR(mean.high.value(), 0.87131886884825, 1e-9);
}

TEST(Statistics, ASingleRunHasNoError) {
  const Estimate mean = estimate(std::array{0.5});
  EXPECT_EQ(mean.mean, 0.5);
  EXPECT_FALSE(mean.standard_error || mean.low || mean.high);
}

TEST(Statistics, PairsAreComparedSeedBySeed) {
  const PairedTest test = paired_test(kBefore, kAfter);
  EXPECT_NEAR(test.change.mean, 0.02, 1e-12);
  EXPECT_NEAR(test.change.standard_error.value(), 0.007071067811865455, 1e-12);
  EXPECT_NEAR(test.p.value(), 0.06627560274152411, 1e-9);
}

TEST(Statistics, WhatCannotBeTestedHasNoP) {
  EXPECT_FALSE(paired_test(std::array{0.5}, std::array{0.6}).p);
  EXPECT_FALSE(paired_test(std::array{0.5, 0.25}, std::array{0.5, 0.25}).p);
  EXPECT_THAT(test::error_of<UsageError>([] { paired_test(std::array{0.5}, kAfter); }),
              testing::HasSubstr("1 values before, 4 after"));
}

}  // namespace
}  // namespace assemble
