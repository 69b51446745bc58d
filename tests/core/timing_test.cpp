// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/timing.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

TEST(Percentile, IsOneOfTheValues) {
  EXPECT_EQ(percentile({7}, 0.99), 7);
  EXPECT_EQ(percentile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0.5), 3);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 0), 1);
  EXPECT_EQ(percentile({4, 1, 3, 2}, 1), 4);
}

TEST(SecondsSince, CountSeconds) { EXPECT_NEAR(seconds_since(Clock::now() - std::chrono::seconds(5)), 5, 1); }

}  // namespace
}  // namespace assemble
