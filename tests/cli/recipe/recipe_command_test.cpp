// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "common/recipes.h"
#include "recipe/recipe.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

const fs::path kSources = ASSEMBLE_SOURCE_DIR;

std::vector<Recipe> recipes() {
  std::vector<Recipe> all;
  for (const auto& entry : fs::recursive_directory_iterator(kSources / "recipes")) {
    if (entry.is_regular_file()) all.push_back(read_recipe(entry.path()));
  }
  return all;
}

/// A row of the paper's tables.
struct Row {
  std::string arch, techniques;
  int epochs = 0, size = 0;
  double top1 = 0, mce = 0;
};

const std::map<std::string, Row>& table_rows() {
  static const std::string all = "label smoothing, mixup, DropBlock, distillation";
  static const std::map<std::string, Row> rows{
      {"E0", {"resnet50", "", 120, 224, 76.87, 75.55}},
      {"E1", {"resnet50+d", "", 120, 224, 77.37, 75.73}},
      {"E2", {"resnet50+d", "label smoothing", 120, 224, 78.35, 74.27}},
      {"E3", {"resnet50+d", "label smoothing, mixup", 200, 224, 79.10, 68.19}},
      {"E4", {"resnet50+d+se", "label smoothing, mixup", 200, 224, 79.71, 64.48}},
      {"E5", {"resnet50+d+se", "label smoothing, mixup, DropBlock", 270, 224, 80.40, 62.64}},
      {"E6", {"resnet50+d+sk", "label smoothing, mixup, DropBlock", 270, 224, 81.40, 58.34}},
      {"E7", {"resnet50+d+sk", all, 270, 224, 81.69, 57.08}},
      {"E8", {"resnet50+d+sk", all, 600, 224, 82.10, 56.48}},
      {"E9", {"resnet50+bl+sk", all, 600, 256, 82.44, 55.20}},
      {"E10", {"resnet50+bl+sk+aa3", all, 600, 256, 82.69, 54.12}},
      {"E11", {"resnet50+bl+sk+aa3", all + ", AutoAugment", 600, 256, 82.78, 48.89}},
      {"E12", {"resnet152+bl(1,2)+sk+aa3", all + ", AutoAugment", 600, 256, 84.19, 43.27}},
      {"M0", {"mobilenet_v1", "", 120, 224, 72.59, 83.85}},
      {"M1", {"mobilenet_v1+se", "", 360, 224, 74.28, 78.86}},
      {"M2", {"mobilenet_v1", "label smoothing", 120, 224, 72.66, 83.05}},
      {"M3", {"mobilenet_v1", "label smoothing, mixup", 200, 224, 73.54, 78.56}},
      {"M4", {"mobilenet_v1", "label smoothing, mixup, distillation", 200, 224, 74.18, 77.51}},
      {"M5", {"mobilenet_v1", "label smoothing, mixup, distillation", 360, 224, 74.37, 76.39}},
      {"M6", {"mobilenet_v1+se", "label smoothing, mixup, distillation", 360, 224, 76.42, 71.67}},
      {"M7", {"mobilenet_v1+se2", "label smoothing, mixup, distillation", 360, 224, 76.82, 70.67}},
      {"M8", {"mobilenet_v1+se2", all, 900, 224, 77.30, 68.12}}};
  return rows;
}

TEST(Recipes, AreTheRowsOfThePapersTables) {
  std::map<std::string, double> transfer{{"food101_vanilla", 87.0},    {"food101_assembled", 92.5},
                                         {"cars196_vanilla", 89.1},    {"cars196_assembled", 94.4},
                                         {"flowers102_vanilla", 96.1}, {"flowers102_assembled", 98.9},
                                         {"aircraft_vanilla", 78.8},   {"aircraft_assembled", 92.4},
                                         {"pets_vanilla", 92.5},       {"pets_assembled", 94.3}};
  size_t rows = 0;
  for (const Recipe& recipe : recipes()) {
    SCOPED_TRACE(recipe.name);
    if (const auto top1 = transfer.find(recipe.name); top1 != transfer.end()) {
      EXPECT_EQ(parse_number(recipe.value("published.top1")), top1->second);
      EXPECT_EQ(recipe.value("bn-momentum"), "auto");
      transfer.erase(top1);
    }
    const auto found = table_rows().find(recipe.name);
    if (found == table_rows().end()) continue;
    const Row& row = found->second;
    EXPECT_EQ(recipe.value("arch"), row.arch);
    EXPECT_EQ(join(recipe.techniques(), ", "), row.techniques);
    EXPECT_EQ(recipe.value("epochs"), std::to_string(row.epochs));
    EXPECT_EQ(recipe.image_size(), row.size);
    EXPECT_EQ(parse_number(recipe.value("published.top1")), row.top1);
    EXPECT_EQ(parse_number(recipe.value("published.mce")), row.mce);
    EXPECT_EQ(recipe.value("evaluation.corruption-resize"), row.size == 256 ? "292" : "256");
    EXPECT_EQ(recipe.value("batch-size") + " " + recipe.value("accumulate"), "128 8");
    EXPECT_EQ(parse_number(recipe.value("lr")), 0.4);
    EXPECT_EQ(parse_number(recipe.value("weight-decay")), 1e-4);
    EXPECT_EQ(recipe.value("zero-gamma"), row.arch.starts_with("resnet") ? "true" : "");
    ++rows;
  }
  EXPECT_EQ(rows, table_rows().size());
  EXPECT_TRUE(transfer.empty());
}

TEST(Recipes, AreWholeAndAgreeWithTheirRows) {
  const std::vector<Recipe> all = recipes();
  for (const Recipe& recipe : all) EXPECT_THAT(recipe_problems(recipe, all), testing::IsEmpty()) << recipe.name;
}

TEST(Recipes, WhatDiffersFromTheRowIsFound) {
  const test::TemporaryFolder folder;
  std::string text = test::read_text(kSources / "recipes/imagenet/E2.toml");
  text.replace(text.find("epochs = 120"), 12, "epochs = 121");
  text.replace(text.find("label-smoothing = 0.1"), 21, "mixup = 1");
  text.replace(text.find("follows = \"E1\""), 14, "follows = \"E99\"");
  write_file(folder / "E2.toml", text);
  const std::string problems = join(recipe_problems(read_recipe(folder / "E2.toml"), recipes()), "\n");
  EXPECT_THAT(problems, HasSubstr("published.epochs is 120, epochs 121"));
  EXPECT_THAT(problems, HasSubstr("trains with [mixup], the row with [label smoothing]"));
  EXPECT_THAT(problems, HasSubstr("'E99', which is no recipe"));
}

TEST(Recipes, UnknownKeysOfTheTablesAreErrors) {
  const test::TemporaryFolder folder;
  const auto refusal = [&](std::string_view text) {
    write_file(folder / "r.toml", text);
    return test::error_of<UsageError>([&] { read_recipe(folder / "r.toml"); });
  };
  EXPECT_THAT(refusal("[published]\ntop_1 = 80.0\n"), HasSubstr("r.toml:2:9: unknown key 'top_1' of [published] (did "
                                                                "you mean top1?)"));
  EXPECT_THAT(refusal("[published]\ntop1 = \"80\"\n"), HasSubstr("'top1' takes a number"));
  EXPECT_THAT(refusal("[evaluation]\nmeasures = \"top1\"\n"), HasSubstr("'measures' takes an array of strings"));
}

TEST(Recipes, AreFoundBesideAnInstalledProgramAndInTheSources) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(recipe_folder(folder / "bin/assemble"), fs::path());
  fs::create_directories(folder / "recipes");
  EXPECT_EQ(recipe_folder(folder / "bin/assemble"), fs::path()) << "somebody else's folder";
  write_file(folder / "CMakePresets.json", std::string_view("{}"));
  EXPECT_EQ(recipe_folder(folder / "build/release/assemble"), folder / "recipes");
  fs::create_directories(folder / "share/assemble/recipes");
  EXPECT_EQ(recipe_folder(folder / "bin/assemble"), folder / "share/assemble/recipes");
  EXPECT_EQ(recipe_folder(folder / "libexec/assemble/assemble-torch"), folder / "share/assemble/recipes");
}

TEST(RecipeCommand, ListsInOrderOfTheRows) {
  const CommandResult result = run_command({"recipe", "list", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  std::vector<std::string> names;
  for (const json& recipe : json::parse(result.standard_output)) {
    if (recipe.at("group") == "imagenet") names.push_back(recipe.at("name"));
  }
  EXPECT_THAT(names,
              testing::ElementsAre("E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "E9", "E10", "E11", "E12"));
}

TEST(RecipeCommand, TheTableOfTheManualIsWhatItLists) {
  const CommandResult result = run_command({"recipe", "list", "--format", "markdown"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(test::read_text(kSources / "docs/recipes.md"), testing::EndsWith(result.standard_output))
      << "docs/recipes.md ends with the output of `assemble recipe list --format markdown`";
}

TEST(RecipeCommand, ShowsTheWayFromTheDataToTheMeasures) {
  const CommandResult result = run_command({"recipe", "show", "E12", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json recipe = json::parse(result.standard_output);
  EXPECT_EQ(recipe.at("training").at("accumulate"), 8);
  EXPECT_EQ(recipe.at("published").at("mce"), 43.27);
  const std::string commands = recipe.at("commands").dump();
  EXPECT_THAT(commands, HasSubstr("train --recipe E12 --data TAUGHT"));
  EXPECT_THAT(commands, HasSubstr("robustness c --model RUN/best.safetensors --data DATA --resize 292 --crop 256"));
}

TEST(RecipeCommand, OnesOwnIsNamedByItsFile) {
  const test::TemporaryFolder folder;
  const fs::path own = folder / "E12.toml";
  write_file(own, test::read_text(kSources / "recipes/imagenet/E12.toml"));
  const CommandResult result = run_command({"recipe", "show", own.string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json recipe = json::parse(result.standard_output);
  EXPECT_THAT(recipe.at("commands").dump(), HasSubstr(concat("train --recipe ", own.string(), " --data TAUGHT")));
}

TEST(RecipeCommand, DiffNamesWhatARowChanges) {
  const CommandResult result = run_command({"recipe", "diff", "E6", "E7", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  for (const json& change : json::parse(result.standard_output)) {
    const std::string key = change.at("key");
    if (key.starts_with("published.")) continue;
    EXPECT_EQ(key, "kd-temperature");
    EXPECT_TRUE(change.at("before").is_null());
    EXPECT_EQ(change.at("now"), "1");
  }
  EXPECT_EQ(run_command({"recipe", "diff", "E6", "E6"}).standard_output, "The same.\n");
}

TEST(RecipeCommand, TheRecipeOfTheDataIsNoFile) {
  const test::CommandResult result = test::run_command({"recipe", "show", "auto"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, testing::HasSubstr("`assemble train --data DIR --dry-run` shows it"));
}

TEST(RecipeCommand, AnUnknownNameHasASuggestion) {
  const CommandResult result = run_command({"recipe", "show", "food101_asembled"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("did you mean food101_assembled?"));
}

}  // namespace
}  // namespace assemble::cli
