// SPDX-License-Identifier: Apache-2.0
// Every recipe trains: two steps on drawn images, with all its options but the sizes.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/recipes.h"
#include "drawn_data.h"

namespace assemble::cli {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class RecipesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    const CommandResult trained =
        run_command({"train", "--data", test::drawn_data().string(), "--out", path("teacher"), "--arch", "resnet50+w4",
                     "--epochs", "1", "--batch-size", "8", "--preprocessing", "imagenet_32a"});
    ASSERT_EQ(trained.exit_code, 0) << trained.standard_error;
    const CommandResult taught = run_command({"teach", "--model", path("teacher/last.safetensors"), "--data",
                                              test::drawn_data().string(), "--out", path("taught")});
    ASSERT_EQ(taught.exit_code, 0) << taught.standard_error;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }

  /// Trains for two steps on TFRecords with a teacher's logits, as a network of width 4 on images of 64×64.
  static CommandResult train(const Recipe& recipe) {
    return run_command({"train",
                        "--recipe",
                        recipe.name,
                        "--data",
                        path("taught"),
                        "--out",
                        path(recipe.name),
                        "--arch",
                        recipe.value("arch") + (recipe.group == "flowers12" ? "" : "+w4"),
                        "--train-size",
                        "64",
                        "--eval-size",
                        "64",
                        "--batch-size",
                        "12",
                        "--accumulate",
                        "2",
                        "--epochs",
                        "1",
                        "--warmup-epochs",
                        "0",
                        "--precision",
                        "f32",
                        "--json"});
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* RecipesTest::folder_ = nullptr;

TEST_F(RecipesTest, EachTrainsForTwoSteps) {
  int count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(ASSEMBLE_SOURCE_DIR) / "recipes")) {
    if (!entry.is_regular_file()) continue;
    const Recipe recipe = read_recipe(entry.path());
    const CommandResult result = train(recipe);
    ASSERT_EQ(result.exit_code, 0) << recipe.name << ": " << result.standard_error;
    EXPECT_EQ(json::parse(result.standard_output).at("steps"), 2) << recipe.name;
    ++count;
  }
  EXPECT_GE(count, 38);
}

TEST_F(RecipesTest, AllPassTheCheck) {
  const CommandResult result = run_command({"recipe", "check", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.standard_output << result.standard_error;
  EXPECT_EQ(json::parse(result.standard_output).at("wrong"), 0);
}

TEST_F(RecipesTest, TheCheckFindsWhatTrainDoesNotTake) {
  std::string text = test::read_text(fs::path(ASSEMBLE_SOURCE_DIR) / "recipes/imagenet/E2.toml");
  text.replace(text.find("warmup-epochs"), 13, "warmup-epoch");
  write_file(*folder_ / "E2.toml", text);
  const CommandResult result = run_command({"recipe", "check", path("E2.toml")});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_output, HasSubstr("unknown key 'warmup-epoch' (did you mean --warmup-epochs?)"));
}

TEST_F(RecipesTest, TheMomentumOfBatchNormFollowsTheStepsOfAnEpoch) {
  const CommandResult result =
      run_command({"train", "--data", test::drawn_data().string(), "--out", path("auto"), "--arch", "resnet50+w4",
                   "--bn-momentum", "auto", "--epochs", "1", "--batch-size", "8", "--preprocessing", "imagenet_32a"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_error, HasSubstr("--bn-momentum is 0.9, of 6 steps an epoch"));
  EXPECT_EQ(run_command({"train", "--data", "d", "--out", "o", "--bn-momentum", "automatic"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble::cli
