// SPDX-License-Identifier: Apache-2.0
#include "../../src/data/sources/natural_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace assemble {
namespace {

TEST(NaturalOrder, NumbersGoByTheirValue) {
  std::vector<std::string> names{"frame_10.png",
                                 "frame_9.png",
                                 "frame_100.png",
                                 "frame_2.png",
                                 "a3b20",
                                 "a3b3",
                                 "a20b1",
                                 "x",
                                 "x1",
                                 "",
                                 "7",
                                 "07"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_THAT(names, testing::ElementsAre("", "07", "7", "a3b3", "a3b20", "a20b1", "frame_2.png", "frame_9.png",
                                          "frame_10.png", "frame_100.png", "x", "x1"));
}

TEST(NaturalOrder, TakesNumbersOfAnyLength) {
  const std::string small = "v" + std::string(40, '9'), large = "v1" + std::string(40, '0');
  EXPECT_TRUE(natural_less(small, large));
  EXPECT_FALSE(natural_less(large, small));
  EXPECT_FALSE(natural_less(small, small));
}

}  // namespace
}  // namespace assemble
