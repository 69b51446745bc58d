// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assemble {
namespace {

using ::testing::ElementsAre;

TEST(Split, KeepsEmptyParts) {
  EXPECT_THAT(split("a++b", '+'), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", '+'), ElementsAre(""));
  EXPECT_THAT(split("+", '+'), ElementsAre("", ""));
  EXPECT_THAT(split("abc", '+'), ElementsAre("abc"));
}

TEST(Join, PutsSeparatorsBetween) {
  EXPECT_EQ(join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(ToLower, LeavesOtherBytesAlone) { EXPECT_EQ(to_lower("AbZ-9\xC3\x84"), "abz-9\xC3\x84"); }

TEST(Nearest, FindsTheSmallestDistance) {
  const std::vector<std::string> names = {"resnet50", "resnet101", "mobilenet_v1"};
  EXPECT_EQ(nearest("resnet5O", names), "resnet50");
  EXPECT_EQ(nearest("ResNet101", names), "resnet101");
  EXPECT_EQ(nearest("mobilenet", names), "mobilenet_v1");
  EXPECT_EQ(nearest("zzzz", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest("resnet50", {}), "");
}

TEST(Nearest, GivesUpBeyondHalfTheLength) {
  EXPECT_EQ(nearest("abcd", {"abxy"}), "abxy");
  EXPECT_EQ(nearest("abcd", {"axyz"}), "");
}

TEST(FormatTable, AlignsTextLeftAndNumbersRight) {
  EXPECT_EQ(format_table({{"class", "images", "top-1"}, {"rose", "80", "91.2%"}, {"marguerite", "1200", "-"}}),
            "class       images  top-1\n"
            "rose            80  91.2%\n"
            "marguerite    1200      -\n");
}

TEST(FormatTable, CountsCharactersNotBytes) {
  EXPECT_EQ(format_table({{"n", "x"}, {"\xC3\xA4\xC3\xB6", "b"}, {"abc", "b"}}),
            "n    x\n"
            "\xC3\xA4\xC3\xB6   b\n"
            "abc  b\n");
}

TEST(FormatTable, TakesRowsOfAnyLength) {
  EXPECT_EQ(format_table({{"a", "b"}, {"long"}}), "a     b\nlong\n");
  EXPECT_EQ(format_table({}), "");
}

TEST(FormatNumber, HasTheGivenDecimals) {
  EXPECT_EQ(format_number(3.14159, 2), "3.14");
  EXPECT_EQ(format_number(-0.5, 0), "-0");
  EXPECT_EQ(format_number(2, 3), "2.000");
}

}  // namespace
}  // namespace assemble
