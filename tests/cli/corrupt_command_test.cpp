// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"

namespace assemble {
namespace {

using testing::HasSubstr;

TEST(CorruptCommand, WritesASetAndGoesOn) {
  const test::TemporaryFolder folder;
  const std::vector<std::string> command{"corrupt",
                                         "--data",
                                         test::drawn_data().string(),
                                         "--out",
                                         (folder / "c").string(),
                                         "--corruptions",
                                         "fog,snow",
                                         "--severities",
                                         "2,3",
                                         "--resize",
                                         "32",
                                         "--crop",
                                         "28",
                                         "--json"};
  const auto first = test::run_command(command);
  ASSERT_EQ(first.exit_code, 0) << first.standard_error;
  const auto json = nlohmann::json::parse(first.standard_output);
  EXPECT_EQ(json.at("images"), 24);
  EXPECT_EQ(json.at("written"), 96);
  EXPECT_THAT(first.standard_error, HasSubstr("files"));
  EXPECT_THAT(test::list_files(folder / "c/snow"), testing::ElementsAre("2", "3"));
  const auto again = test::run_command(command);
  EXPECT_EQ(nlohmann::json::parse(again.standard_output).at("kept"), 96);
}

TEST(CorruptCommand, BadOptionsAreUsageErrors) {
  const test::TemporaryFolder folder;
  const auto run = [&](const std::string& option, const std::string& value) {
    return test::run_command(
        {"corrupt", "--data", test::drawn_data().string(), "--out", (folder / "c").string(), option, value});
  };
  const auto corruption = run("--corruptions", "fogg");
  EXPECT_EQ(corruption.exit_code, 2);
  EXPECT_THAT(corruption.standard_error, HasSubstr("did you mean fog?"));
  const auto severity = run("--severities", "7");
  EXPECT_EQ(severity.exit_code, 2);
  EXPECT_THAT(severity.standard_error, HasSubstr("expected 1, 2, 3, 4 or 5"));
  const auto frost = run("--frost-dir", folder.path().string());
  EXPECT_EQ(frost.exit_code, 3);
  EXPECT_THAT(frost.standard_error, HasSubstr("frost1.png"));
  EXPECT_FALSE(test::fs::exists(folder / "c"));
}

TEST(CorruptCommand, LeftOutImagesAreAnErrorAfterTheOthersAreDone) {
  const test::TemporaryFolder folder;
  test::fs::copy(test::drawn_data() / "validation", folder / "data", test::fs::copy_options::recursive);
  const auto broken = *test::fs::directory_iterator(test::fs::directory_iterator(folder / "data")->path());
  test::write_bytes(broken.path(), std::vector<uint8_t>{1, 2, 3});
  const auto result =
      test::run_command({"corrupt", "--data", (folder / "data").string(), "--out", (folder / "c").string(),
                         "--corruptions", "contrast", "--severities", "1", "--resize", "0", "--crop", "0", "--json"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr("1 of 24 images were left out"));
  const auto json = nlohmann::json::parse(result.standard_output);
  EXPECT_EQ(json.at("written"), 23);
  EXPECT_THAT(json.at("unreadable").at(0).get<std::string>(), HasSubstr(broken.path().filename().string()));
}

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
