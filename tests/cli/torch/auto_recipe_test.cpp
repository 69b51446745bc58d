// SPDX-License-Identifier: Apache-2.0
#include "torch/train/auto_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/models/classifier.h"

namespace assemble::cli {
namespace {

/// A machine that gets through so many images of 64 pixels a second, of the cheapest network.
TrainingTask task(int64_t images, int side, double minutes, double rate = 400) {
  TrainingTask task{.images = images, .side = side, .minutes = minutes, .images_per_second = {}};
  const auto work = [](const std::string& arch, int pixels) {
    return static_cast<double>(measure_cost(Arch::parse(arch), 10, pixels).multiply_adds);
  };
  task.images_per_second = [=](const std::string& arch, int pixels) {
    return rate * work("resnet50+d+sk+w16", 64) / work(arch, pixels);
  };
  return task;
}

/// Value of an option; empty: it is left as it is.
std::string value(const std::vector<ChosenOption>& options, const std::string& key) {
  for (const ChosenOption& option : options) {
    if (option.key == key) return option.value;
  }
  return "";
}

std::string recipe_value(const TrainingTask& task, const std::string& key) { return value(choose_recipe(task), key); }
std::string schedule_value(const TrainingTask& task, int64_t in_time, const std::string& key) {
  return value(choose_schedule(task, in_time), key);
}

TEST(AutoRecipe, MoreTimeBringsLargerImagesAndWiderNetworks) {
  EXPECT_EQ(recipe_value(task(1000, 500, 1), "preprocessing"), "\"imagenet_64\"");
  EXPECT_EQ(recipe_value(task(1000, 500, 1), "arch"), "\"resnet50+d+w16\"");
  EXPECT_EQ(recipe_value(task(1000, 64, 60), "arch"), "\"resnet50+d+sk+w16\"") << "time is left over";
  EXPECT_EQ(recipe_value(task(1000, 500, 100), "preprocessing"), "\"imagenet_160\"");
  EXPECT_EQ(recipe_value(task(1000, 500, 1e6), "arch"), "\"resnet50+d+sk\"");
}

TEST(AutoRecipe, ImagesAreNotEnlarged) {
  EXPECT_EQ(recipe_value(task(1000, 100, 1e6), "preprocessing"), "\"imagenet_96\"");
  EXPECT_EQ(recipe_value(task(1000, 32, 1e6), "preprocessing"), "\"imagenet_64\"");  // but to the least that there is
}

TEST(AutoRecipe, WhatIsGivenStays) {
  TrainingTask given = task(1000, 500, 60);
  given.arch = "resnet50+w8";
  EXPECT_EQ(recipe_value(given, "arch"), "\"resnet50+w8\"");
  given.train_size = 72;
  EXPECT_EQ(recipe_value(given, "preprocessing"), "");
  EXPECT_EQ(recipe_value(given, "small-size"), "");
}

TEST(AutoRecipe, OnlyLongRunsMixImages) {
  EXPECT_EQ(recipe_value(task(10000, 500, 1), "mixup"), "");
  EXPECT_EQ(recipe_value(task(1000, 500, 60), "mixup"), "1");
}

TEST(AutoRecipe, RunsBeginWithSmallerCrops) {
  EXPECT_EQ(recipe_value(task(1000, 64, 1), "small-size"), "48");
  EXPECT_EQ(recipe_value(task(1000, 500, 100), "small-size"), "96");
  EXPECT_EQ(recipe_value(task(1000, 64, 1), "small-share"), "0.6");
}

TEST(AutoRecipe, SmallSetsHaveSmallBatches) {
  EXPECT_EQ(recipe_value(task(10000, 500, 1), "batch-size"), "32");
  EXPECT_EQ(recipe_value(task(300, 500, 1), "batch-size"), "16");
  EXPECT_EQ(recipe_value(task(20, 500, 1), "batch-size"), "8");
}

TEST(AutoRecipe, EpochsFitTheTimeAndEndWhereTheyBringLittle) {
  const TrainingTask some = task(1000, 500, 10);
  EXPECT_EQ(schedule_value(some, 0, "epochs"), "1");
  EXPECT_EQ(schedule_value(some, 55, "epochs"), "55");
  EXPECT_EQ(schedule_value(some, 55, "warmup-epochs"), "2.75");
  EXPECT_EQ(schedule_value(some, 7, "eval-every"), "1");
  EXPECT_EQ(schedule_value(some, 20, "eval-every"), "1");
  EXPECT_EQ(schedule_value(some, 55, "eval-every"), "3");
  EXPECT_EQ(schedule_value(some, 5000, "epochs"), "400");
  EXPECT_EQ(schedule_value(task(1000000, 500, 10), 5000, "epochs"), "40");
}

TEST(AutoRecipe, FineTuningIsEvaluatedAsTheModelWasOnSmallerCrops) {
  TrainingTask tuning = task(1000, 500, 10);
  ModelCard card;
  card.arch = "mobilenet_v1";
  card.preprocessing = Preprocessing::from_type("inception_160");
  tuning.pretrained = card;
  EXPECT_EQ(recipe_value(tuning, "arch"), "\"mobilenet_v1\"");
  EXPECT_EQ(recipe_value(tuning, "preprocessing"), "\"inception_96\"");
  EXPECT_EQ(recipe_value(tuning, "eval-size"), "160");
  EXPECT_EQ(recipe_value(tuning, "deviation"), "[255, 255, 255]");
  EXPECT_EQ(recipe_value(tuning, "lr"), "0.01");
  EXPECT_EQ(recipe_value(tuning, "min-area"), "0.4");
  EXPECT_EQ(schedule_value(tuning, 5000, "epochs"), "100");
}

TEST(AutoRecipe, LessPrecisionIsForLessTime) {
  EXPECT_EQ(value(choose_precision(4, 3.5), "precision"), "\"bf16\"");
  EXPECT_TRUE(choose_precision(4, 3.7).empty());
  EXPECT_TRUE(choose_precision(4, 9).empty());
}

}  // namespace
}  // namespace assemble::cli
