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
            "--season: 'sumer' is unknown, expected spring, summer or autumn (did you mean summer?)");
  EXPECT_EQ(test::error_of<UsageError>([] { find_choice("--season", "x", kSeasons); }),
            "--season: 'x' is unknown, expected spring, summer or autumn");
}

enum class Season { kSpring, kSummer, kAutumn };
constexpr auto kTable =
    choices<Season>("season", {{Season::kSpring, "spring"}, {Season::kSummer, "summer"}, {Season::kAutumn, "autumn"}});

TEST(Choices, OneTableParsesPrintsAndHelps) {
  for (const Season season : {Season::kSpring, Season::kSummer, Season::kAutumn}) {
    EXPECT_EQ(kTable.parse(kTable.name(season)), season);
  }
  EXPECT_EQ(kTable.names(), kSeasons);
  EXPECT_EQ(kTable.text(), "spring, summer or autumn");
  EXPECT_EQ(test::error_of<UsageError>([] { kTable.parse("autum"); }),
            "`season`: 'autum' is unknown, expected spring, summer or autumn (did you mean autumn?)");
  static_assert(kTable.name(Season::kSummer)[0] == 's');
}

TEST(Alternatives, AreReadAsASentence) {
  EXPECT_EQ(alternatives({}), "");
  EXPECT_EQ(alternatives({"one"}), "one");
  EXPECT_EQ(alternatives({"one", "two"}), "one or two");
}

}  // namespace
}  // namespace assemble
