// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"

namespace assemble {
namespace {

TEST(BenchmarkCommand, GivesMillisecondsOfEachCorruption) {
  const auto result = test::run_command({"benchmark", "corrupt", "--data", test::drawn_data().string(), "--resize",
                                         "32", "--crop", "32", "--images", "2", "--repeats", "1", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  ASSERT_EQ(json.at("milliseconds").size(), 19u);
  for (const auto& [name, milliseconds] : json.at("milliseconds").items()) {
    EXPECT_GT(milliseconds.get<double>(), 0) << name;
    EXPECT_LT(milliseconds.get<double>(), 1000) << name;
  }
  EXPECT_EQ(json.at("height"), 32);
}

TEST(BenchmarkCommand, NeedsToKnowWhat) {
  EXPECT_EQ(test::run_command({"benchmark"}).exit_code, 2);
  EXPECT_EQ(test::run_command({"benchmark", "nothing"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble
