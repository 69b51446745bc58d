// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;
namespace fs = test::fs;

TEST(TrainCommand, AnUnknownFlagNamesTheNearest) {
  const CommandResult result = run_command({"train", "--data", "d", "--out", "o", "--label-smothing", "0.1"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean --label-smoothing?"));
}

TEST(TrainCommand, AnUnknownKeyOfARecipeNamesTheNearest) {
  const test::TemporaryFolder folder;
  std::ofstream(folder / "r.toml") << "mixupp = 1\n";
  const CommandResult result =
      run_command({"train", "--data", "d", "--out", (folder / "o").string(), "--recipe", (folder / "r.toml").string()});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("mixupp"));
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean --mixup?"));
}

TEST(TrainCommand, AnUnknownNameOfARecipeNamesTheNearest) {
  const CommandResult result = run_command({"train", "--data", "d", "--out", "o", "--recipe", "E111"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("recipe E111: is neither a file nor a recipe that comes along"));
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean E11?"));
}

TEST(TrainCommand, AMissingRecipeIsAnError) {
  const CommandResult result = run_command({"train", "--data", "d", "--out", "o", "--recipe", "/nonexistent/r.toml"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("/nonexistent/r.toml"));
}

TEST(TrainCommand, HelpOfACommandListsItsOptions) {
  const CommandResult result = run_command({"train", "--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_output, HasSubstr("--label-smoothing"));
}

TEST(TrainCommand, WithoutAFolderItTakesANewOneNamedAsTheData) {
  const test::TemporaryFolder folder;
  const auto train = [&](const std::string& more) {
    return test::run_program({"/bin/sh", "-c",
                              "cd " + folder.path().string() + " && exec " + test::command_program() +
                                  " train --data " + test::drawn_data().string() +
                                  "/ --arch resnet50+w4 --epochs 1 --max-steps 1 --batch-size 4 "
                                  "--preprocessing imagenet_32a --threads 1 " +
                                  more});
  };
  for (const char* run : {"runs/drawn", "runs/drawn-2"}) {
    const CommandResult result = train("--json");
    ASSERT_EQ(result.exit_code, 0) << result.standard_error;
    EXPECT_EQ(json::parse(result.standard_output).at("out"), run);
    EXPECT_TRUE(fs::exists(folder / run / "checkpoint.safetensors"));
    EXPECT_THAT(test::read_text(folder / run / "config.toml"), HasSubstr("out=\"" + std::string(run) + "\""));
  }
  for (const char* option : {"--resume", "--overwrite", "--processes 2"}) {
    const CommandResult refused = train(option);
    EXPECT_EQ(refused.exit_code, 2) << option;
    EXPECT_THAT(refused.standard_error, HasSubstr("--out")) << option;
  }
}

TEST(TrainCommand, WhatIsOddAboutTheImagesIsInThePageOfTheRun) {
  const test::TemporaryFolder folder;
  const fs::path data = folder / "photos";
  fs::copy(test::drawn_data(), data, fs::copy_options::recursive);
  fs::copy_file(data / "train/dotted disc/00000.png", data / "validation/dotted disc/copied.png");
  const auto train = [&](const std::string& run, const std::string& most) {
    return run_command({"train", "--data", data.string(), "--out", (folder / run).string(), "--arch", "resnet50+w4",
                        "--epochs", "1", "--batch-size", "8", "--preprocessing", "imagenet_32a", "--threads", "1",
                        "--check-images", most});
  };
  const std::string warning = "1 × The same image in several splits, for example train/dotted disc/00000.png";
  const CommandResult checked = train("checked", "10000");
  ASSERT_EQ(checked.exit_code, 0) << checked.standard_error;
  EXPECT_THAT(checked.standard_error, HasSubstr(warning));
  const std::string page = test::read_text(folder / "checked/report.html");
  EXPECT_THAT(page, HasSubstr("The same image in several splits"));
  EXPECT_THAT(page, HasSubstr("<a href=\"data.html\">"));
  EXPECT_THAT(test::read_text(folder / "checked/data.html"), HasSubstr("copied.png"));

  const CommandResult unchecked = train("unchecked", "10");
  ASSERT_EQ(unchecked.exit_code, 0) << unchecked.standard_error;
  EXPECT_THAT(unchecked.standard_error, testing::Not(HasSubstr("several splits")));
  EXPECT_FALSE(fs::exists(folder / "unchecked/data.html"));
}

TEST(TrainCommand, NamesInLatin1LoseNoTraining) {
  const test::TemporaryFolder folder;
  const std::vector<std::string>& names = drawn_classes();
  for (const char* split : {"train", "validation"}) {
    fs::create_directories(folder / split);
    fs::copy(test::drawn_data() / split / names[0], folder / split / "caf\xE9");
    fs::copy(test::drawn_data() / split / names[1], folder / split / "tea");
  }
  fs::copy_file(folder / "train/tea/00000.png", folder / "\xE9t\xE9.png");
  const std::string run = (folder / "run").string();
  const test::CommandResult trained =
      run_command({"train", "--data", folder.path().string(), "--out", run, "--arch", "resnet50+w4", "--epochs", "1",
                   "--batch-size", "4", "--preprocessing", "imagenet_32a"});
  ASSERT_EQ(trained.exit_code, 0) << trained.standard_error;
  const test::CommandResult predicted =
      run_command({"predict", "--model", run + "/last.safetensors", (folder / "\xE9t\xE9.png").string(), "--json"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.standard_error;
  const json prediction = json::parse(predicted.standard_output).at("predictions").at(0);
  EXPECT_THAT(prediction.at("image").get<std::string>(), testing::EndsWith("/été.png"));
  EXPECT_THAT(prediction.at("classes").at(0).at("class").get<std::string>(), testing::AnyOf("café", "tea"));
}

}  // namespace
}  // namespace assemble
