// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <filesystem>
#include <limits>
#include <locale>
#include <ostream>

namespace assemble {
namespace {

using ::testing::ElementsAre;

/// A program whose numbers are written as in 1.234.567,5.
class ForeignLocale {
 public:
  ForeignLocale() {
    std::setlocale(LC_ALL, "de_DE.UTF-8");  // where it is installed
    std::locale::global(std::locale(std::locale::classic(), new Grouped));
  }
  ~ForeignLocale() {
    std::locale::global(before_);
    std::setlocale(LC_ALL, "C");
  }

 private:
  struct Grouped : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  std::locale before_;
};

struct Streamed {
  int value;
};
std::ostream& operator<<(std::ostream& stream, const Streamed& part) { return stream << '<' << part.value << '>'; }

TEST(Concat, TakesEveryKindOfPart) {
  EXPECT_EQ(concat(), "");
  EXPECT_EQ(concat("a", 1, ' ', 2.5, std::string("b"), std::string_view("c")), "a1 2.5bc");
  EXPECT_EQ(concat(true, false), "10");
  EXPECT_EQ(concat(std::numeric_limits<int64_t>::min(), " ", std::numeric_limits<uint64_t>::max()),
            "-9223372036854775808 18446744073709551615");
  EXPECT_EQ(concat(uint8_t{'x'}), "x") << "as in a stream";
  EXPECT_EQ(concat(Streamed{7}, std::filesystem::path("p")), "<7>\"p\"");
}

TEST(Concat, RealNumbersHaveSixDigits) {
  EXPECT_EQ(concat(0.1f, " ", 1.0 / 3, " ", 100000.0, " ", 1e6, " ", 1234567.0),
            "0.1 0.333333 100000 1e+06 1.23457e+06");
  EXPECT_EQ(concat(1e-5, " ", -0.0, " ", 1e300), "1e-05 -0 1e+300");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(concat(infinity, " ", -infinity, " ", std::numeric_limits<double>::quiet_NaN()), "inf -inf nan");
}

TEST(Text, NumbersDoNotFollowTheLocale) {
  const ForeignLocale foreign;
  EXPECT_EQ(concat(1234567, " ", 12345.5, " ", Streamed{1234567}), "1234567 12345.5 <1234567>");
  EXPECT_EQ(format_number(1234567.25, 2), "1234567.25");
  EXPECT_EQ(format_duration(4.2), "4.2s");
  EXPECT_EQ(zero_padded(1234567, 8), "01234567");
  EXPECT_EQ(parse_number("1234.5"), 1234.5);
  EXPECT_EQ(format_table({{"n"}, {"10.5"}, {"7"}}), "   n\n10.5\n   7\n");
}

TEST(ParseNumber, TellsWhatStandsBehind) {
  std::string_view rest = "unset";
  EXPECT_EQ(parse_number(" +2.5e1 %", &rest), 25);
  EXPECT_EQ(rest, " %");
  EXPECT_EQ(parse_number("-7", &rest), -7);
  EXPECT_EQ(rest, "");
  EXPECT_EQ(parse_number("x1"), std::nullopt);
  EXPECT_EQ(parse_number(""), std::nullopt);
}

TEST(ZeroPadded, NeverCutsDigits) {
  EXPECT_EQ(zero_padded(7, 3), "007");
  EXPECT_EQ(zero_padded(12345, 3), "12345");
}

TEST(FormatDuration, PicksItsUnits) {
  EXPECT_EQ(format_duration(4.21), "4.2s");
  EXPECT_EQ(format_duration(0), "0.0s");
  EXPECT_EQ(format_duration(59.96), "1m00s");
  EXPECT_EQ(format_duration(187), "3m07s");
  EXPECT_EQ(format_duration(3599.7), "1h00m");
  EXPECT_EQ(format_duration(3725), "1h02m");
  EXPECT_EQ(format_duration(90 * 3600), "90h00m");
  EXPECT_EQ(format_duration(1.0 / 0.0), "?");
}

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

TEST(Nearest, GivesUpBeyondAThirdOfTheLength) {
  EXPECT_EQ(nearest("abcd", {"abcy"}), "abcy");
  EXPECT_EQ(nearest("nope", {"folder", "sop"}), "");
  EXPECT_EQ(nearest("abcde", {"abcxy"}), "abcxy");
  EXPECT_EQ(nearest("abcdefgh", {"abcdexyz"}), "abcdexyz");
  EXPECT_EQ(nearest("abcdefgh", {"abcdwxyz"}), "");
  EXPECT_EQ(nearest("q", {"c", "p"}), "");
  EXPECT_EQ(nearest("godo", {"food", "good"}), "good") << "letters that changed places are one slip";
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
