// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/choice.h"

#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

const std::vector<std::string> kSeasons{"spring", "summer", "autumn"};

TEST(FindChoice, GivesThePlace) { EXPECT_EQ(find_choice("--season", "autumn", kSeasons), 2u); }

TEST(FindChoice, NamesTheNearestOfAll) {
  EXPECT_EQ(test::error_of<UsageError>([] { find_choice("--season", "sumer", kSeasons); }),
            "--season: 'sumer' is unknown, expected one of spring, summer, autumn (did you mean summer?)");
  EXPECT_EQ(test::error_of<UsageError>([] { find_choice("--season", "x", kSeasons); }),
            "--season: 'x' is unknown, expected one of spring, summer, autumn");
}

}  // namespace
}  // namespace assemble
