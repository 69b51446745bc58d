// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/eval/measured_ensemble.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

CorruptionFindings findings(const std::map<std::string, WrongAnswers>& wrong) { return {{}, wrong}; }

TEST(PairErrors, AreOfImagesThatBothAnsweredUnderAllCorruptions) {
  const auto first = findings({{"fog", {5, {0, 5, 2, 1}}}, {"snow", {5, {5, 5, -1, 0}}}});
  const auto second = findings({{"fog", {5, {5, 5, 0, 1}}}, {"snow", {5, {5, 0, 4, 0}}}});
  const auto pair = pair_errors(first, second);
  ASSERT_TRUE(pair);
  EXPECT_EQ(pair->images, 3);
  // Image 0: +5/5 and 0; image 1: 0 and -5/5; image 3: nothing.
  EXPECT_NEAR(pair->difference, 0, 1e-12);
  EXPECT_LT(pair->low, 0);
  EXPECT_GT(pair->high, 0);
  EXPECT_GE(pair->low, -0.5);
  const auto back = pair_errors(findings({{"fog", {5, {0, 0, 0}}}}), findings({{"fog", {5, {5, 5, 5}}}}));
  EXPECT_EQ(back->difference, 1);
  EXPECT_EQ(back->low, 1);
  EXPECT_EQ(back->high, 1);
}

TEST(PairErrors, AreNotOfDifferentImages) {
  const auto some = findings({{"fog", {5, {0, 1, 2}}}});
  EXPECT_FALSE(pair_errors(some, findings({{"snow", {5, {0, 1, 2}}}})));
  EXPECT_FALSE(pair_errors(some, findings({{"fog", {4, {0, 1, 2}}}})));
  EXPECT_FALSE(pair_errors(some, findings({{"fog", {5, {0, 1}}}})));
  EXPECT_FALSE(pair_errors(some, findings({{"fog", {5, {-1, -1, -1}}}})));
}

TEST(WrongAnswers, GoToTextAndBack) {
  const auto written = findings({{"fog", {5, {0, -1, 5}}}, {"snow", {2, {2}}}});
  const auto read = wrong_from_json(wrong_to_json(written), "state.json");
  EXPECT_EQ(read.at("fog").counts, (std::vector{0, -1, 5}));
  EXPECT_EQ(read.at("fog").severities, 5);
  EXPECT_EQ(read.at("snow").counts, std::vector{2});
  for (const char* text : {R"({"fog": {"severities": 3, "wrong": "4"}})", R"({"fog": {"severities": 3, "wrong": "x"}})",
                           R"({"fog": {"severities": 9, "wrong": "1"}})", R"({"fgo": {"severities": 3, "wrong": "1"}})",
                           R"({"fog": {"wrong": "1"}})", R"({"fog": 3})"}) {
    EXPECT_THAT(test::error_of<InputError>([&] { wrong_from_json(ordered_json::parse(text), "state.json"); }),
                testing::HasSubstr("state.json"))
        << text;
  }
}

}  // namespace
}  // namespace assemble
