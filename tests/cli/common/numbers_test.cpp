// SPDX-License-Identifier: Apache-2.0
#include "common/numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/command_line.h"
#include "common/commands.h"
#include "common/hooks.h"
#include "option_ranges.h"

namespace assemble::cli {
namespace {

using testing::HasSubstr;

std::string refusal(const CLI::Validator& validator, std::string text) { return validator(text); }

std::string taken(const CLI::Validator& validator, std::string text) {
  EXPECT_EQ(validator(text), "") << text;
  return text;
}

TEST(Numbers, WholeOnesAreDecimalAndInTheirRange) {
  EXPECT_EQ(taken(thread_count(), "010"), "10");
  EXPECT_EQ(taken(thread_count(), "+3"), "3");
  EXPECT_EQ(taken(seed(), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(refusal(thread_count(), "-1"), "-1 is out of range, expected a whole number in 0 … 1024");
  EXPECT_EQ(refusal(side(0), "99999999999999999999"),
            "99999999999999999999 is out of range, expected a whole number in 0 … 65535");
  EXPECT_EQ(refusal(whole(1, 5), "9"), "9 is out of range, expected a whole number in 1 … 5");
  for (const char* text : {"", " ", "1.5", "1e3", "0x10", "nan", "5 ", "--5", "five"}) {
    EXPECT_THAT(refusal(at_least(0), text), HasSubstr("is no whole number")) << text;
  }
  EXPECT_THAT(refusal(seed(), "-1"), HasSubstr("is no whole number"));
}

TEST(Numbers, RealOnesAreFiniteAndInTheirRange) {
  EXPECT_EQ(taken(share(), ".5"), ".5");
  EXPECT_EQ(taken(positive(), "1e-9"), "1e-9");
  for (const char* text : {"nan", "-nan", "inf", "1e31", "1e999", "0", "-1"}) {
    EXPECT_THAT(refusal(positive(), text), HasSubstr("out of range, expected a number above 0")) << text;
  }
  for (const char* text : {"nan", "1.0001", "-0.1"}) {
    EXPECT_THAT(refusal(share(), text), HasSubstr("out of range, expected a number in 0 … 1")) << text;
  }
  for (const char* text : {"", "0x1p3", "1,5", "half"}) {
    EXPECT_THAT(refusal(not_negative(), text), HasSubstr("is no number")) << text;
  }
}

TEST(Numbers, EveryNumericOptionOfEveryCommandHasARange) {
  int numeric = 0;
  for (const auto& command : all_commands({}, make_command_elsewhere)) {
    numeric += test::expect_ranges_of_numbers(*command);
  }
  EXPECT_GT(numeric, 60);
}

TEST(Numbers, AreRefusedByTheOptionsName) {
  for (const auto& [arguments, message] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"export", "--model", "m", "--out", "m.onnx", "--image-size", "-3"}, "--image-size: -3 is out of range"},
           {{"corrupt", "--data", "d", "--out", "o", "--resize", "-1"}, "--resize: -1 is out of range"},
           {{"corrupt", "--data", "d", "--out", "o", "--severities", "1,9"}, "--severities: 9 is out of range"},
           {{"predict", "--model", "m", "i", "--top", "0"}, "--top: 0 is out of range"},
           {{"dataset", "draw", "--out", "o", "--side", "nan"}, "--side: 'nan' is no whole number"}}) {
    testing::internal::CaptureStderr();
    EXPECT_EQ(run_command_line({.commands = all_commands({}, make_command_elsewhere)}, arguments), 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace assemble::cli
