// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/exchange.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "meeting.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Exchange, AProcessAloneTalksToItself) {
  Exchange alone;
  EXPECT_TRUE(alone.is_first());
  EXPECT_FALSE(alone.is_shared());
  EXPECT_THAT(alone.gather("x"), ElementsAre("x"));
  EXPECT_EQ(alone.broadcast("y"), "y");
  EXPECT_NO_THROW(require_same(alone, {{"images", "3"}}));
}

TEST(Exchange, NamesTheFirstRankThatSaysSomethingElse) {
  test::in_threads(3, [](Exchange& ranks) {
    EXPECT_NO_THROW(require_same(ranks, {{"images", "3"}}));
    const std::string images = ranks.rank() == 0 ? "3" : "4";
    EXPECT_THAT(test::error_of<UsageError>([&] {
                  require_same(ranks, {{"seed", "1"}, {"images", images}});
                }),
                HasSubstr("rank 1: has other options or data than rank 0: images = 4, there images = 3"));
    EXPECT_EQ(ranks.broadcast(concat("of ", ranks.rank())), "of 0");
  });
}

}  // namespace
}  // namespace assemble
