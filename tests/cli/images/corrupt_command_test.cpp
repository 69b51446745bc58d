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

TEST(CorruptCommand, BothSetsLieInOneFolder) {
  const test::TemporaryFolder folder;
  const auto run = [&](const std::string& set, const std::string& corruptions) {
    return test::run_command({"corrupt", "--data", test::drawn_data().string(), "--out", (folder / "c").string(),
                              "--set", set, "--corruptions", corruptions, "--severities", "2", "--resize", "0",
                              "--crop", "0"});
  };
  EXPECT_EQ(run("c", "fog").exit_code, 0);
  EXPECT_EQ(run("c-bar", "sparkles,perlin_noise").exit_code, 0);
  EXPECT_THAT(test::list_files(folder / "c"),
              testing::ElementsAre("corruptions.json", "fog", "perlin_noise", "sparkles"));
  const auto record = nlohmann::json::parse(test::read_text(folder / "c/corruptions.json"));
  EXPECT_EQ(record.at("corruptions"), (nlohmann::json{"fog", "perlin_noise", "sparkles"}));
  const auto other = run("c-bar", "fog");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("fog is not of the set c-bar"));
  EXPECT_THAT(other.standard_error, HasSubstr("--set c"));
}

TEST(CorruptCommand, WarnsOfResizingImagesThatHaveTheSize) {
  const test::TemporaryFolder folder;
  const auto run = [&](const std::string& resize, const std::string& crop) {  // the images have 32 pixels
    return test::run_command({"corrupt", "--data", test::drawn_data().string(), "--out",
                              (folder / (resize + "-" + crop)).string(), "--corruptions", "contrast", "--severities",
                              "1", "--resize", resize, "--crop", crop})
        .standard_error;
  };
  EXPECT_THAT(run("36", "32"), HasSubstr("has 32×32 pixels already: resizing it to 36"));
  for (const auto& [resize, crop] : {std::pair("0", "32"), {"32", "32"}, {"36", "28"}, {"36", "0"}}) {
    EXPECT_THAT(run(resize, crop), testing::Not(HasSubstr("already"))) << resize << " " << crop;
  }
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
  EXPECT_THAT(severity.standard_error, HasSubstr("--severities: 7 is out of range, expected a whole number in 1 … 5"));
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

TEST(CorruptCommand, TakesAnyFolderOfImages) {
  const test::TemporaryFolder folder;
  const test::fs::path flat = folder / "flat";
  test::fs::create_directories(flat / "more");
  int number = 0;
  for (const auto& entry : test::fs::recursive_directory_iterator(test::drawn_data() / "validation")) {
    if (!entry.is_regular_file()) continue;
    const test::fs::path name = std::to_string(number++) + ".png";
    test::fs::copy(entry.path(), (number % 2 == 0 ? flat : flat / "more") / name);
  }
  const auto corrupted =
      test::run_command({"corrupt", "--data", flat.string(), "--out", (folder / "c").string(), "--corruptions", "fog",
                         "--severities", "1", "--resize", "0", "--crop", "0", "--json"});
  ASSERT_EQ(corrupted.exit_code, 0) << corrupted.standard_error;
  EXPECT_EQ(nlohmann::json::parse(corrupted.standard_output).at("written"), 24);
  EXPECT_THAT(corrupted.standard_error, HasSubstr("taken as 24 images without labels"));
  EXPECT_TRUE(test::fs::exists(folder / "c/fog/1/more/0.JPEG"));
  const auto perturbed =
      test::run_command({"perturb", "--data", (flat / "1.png").string(), "--out", (folder / "p").string(), "--kinds",
                         "snow", "--resize", "0", "--crop", "24", "--format", "frames", "--json"});
  ASSERT_EQ(perturbed.exit_code, 0) << perturbed.standard_error;
  EXPECT_EQ(test::list_files(folder / "p/snow/1").size(), 31u);
  for (const char* what : {"corrupt", "data"}) {
    std::vector<std::string> command{"benchmark", what,        "--data", flat.string(), "--images",
                                     "2",         "--repeats", "1",      "--json"};
    if (what == std::string("corrupt")) {
      command.insert(command.end(), {"--corruptions", "fog", "--severities", "1", "--resize", "32", "--crop", "32"});
    } else {
      command.insert(command.end(), {"--seconds", "0.01", "--batch-size", "2"});
    }
    const auto measured = test::run_command(command);
    EXPECT_EQ(measured.exit_code, 0) << measured.standard_error;
    EXPECT_EQ(nlohmann::json::parse(measured.standard_output).at("images"), 2);
  }
}

TEST(CorruptCommand, NeitherSetNorDataLieInTheOther) {
  const test::TemporaryFolder folder;
  test::fs::copy(test::drawn_data(), folder / "data", test::fs::copy_options::recursive);
  for (const char* command : {"corrupt", "perturb"}) {
    // Beside the split's folder, but in the data.
    for (const char* output : {"data/c", "."}) {
      const auto result = test::run_command(
          {command, "--data", (folder / "data").string(), "--out", (folder / output).string(), "--resize", "0"});
      EXPECT_EQ(result.exit_code, 2) << command << " " << output;
      EXPECT_THAT(result.standard_error, HasSubstr("would mix"));
    }
  }
  EXPECT_THAT(test::list_files(folder / "data"), testing::ElementsAre("draw.json", "train", "validation"));
}

}  // namespace
}  // namespace assemble
