// SPDX-License-Identifier: Apache-2.0
// Images with several labels, from a list to a model's figures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

constexpr const char* kColours[] = {"blue", "green", "red"};

/// Gray noise with a band of each colour that is in it.
class SeveralLabels : public testing::Test {
 protected:
  SeveralLabels() {
    std::string list = "image,labels,split\n";
    for (int i = 0; i < 160; ++i) {
      const std::string name = concat(i, ".png");
      std::string labels;
      write_file(folder_ / name, encode_png(draw(i, labels)));
      list += concat(name, ",", labels, ",", i < 120 ? "train" : "val", "\n");
    }
    write_file(folder_ / "set.csv", std::string_view(list));
  }

  CommandResult train(std::vector<std::string> more, const std::string& out = "run") const {
    std::vector<std::string> words{
        "train", "--data",          data(),         "--out",        path(out), "--arch",   "resnet50+w8", "--threads",
        "1",     "--preprocessing", "imagenet_32a", "--batch-size", "8",       "--epochs", "16",          "--min-area",
        "0.9",   "--bn-momentum",   "0.9",          "--deviation",  "58",      "58",       "58",          "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string data() const { return path("set.csv"); }

 private:
  static Image draw(int index, std::string& labels) {
    Random random(7, RandomPurpose::kDraw, 0, static_cast<uint64_t>(index));
    Image image = Image::create(32, 32);
    for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random.uniform(110, 146));
    for (int colour = 0; colour < 3; ++colour) {
      if (!random.bernoulli(0.5)) continue;
      labels += concat(labels.empty() ? "" : ";", kColours[colour]);
      for (int y = 10 * colour; y < 10 * colour + 10; ++y) {
        for (int x = 0; x < 32; ++x) {
          for (int c = 0; c < 3; ++c) image.row(y)[3 * x + c] = c == 2 - colour ? 240 : 20;
        }
      }
    }
    return image;
  }

  test::TemporaryFolder folder_;
};

const std::vector<std::string> kRight{"--loss", "sigmoid", "--sigmoid-divisor", "classes", "--validation-metric",
                                      "map"};

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(SeveralLabels, AreLearntMeasuredAndPredicted) {
  const CommandResult trained = train(with(kRight, {"--lr", "0.2"}));
  ASSERT_EQ(trained.exit_code, 0) << trained.standard_error;
  const json run = json::parse(trained.standard_output);
  EXPECT_GT(run.at("best_map"), 0.85);
  EXPECT_GT(run.at("f1"), 0.6);
  const std::string page = test::read_text(path("run/report.html"));
  EXPECT_THAT(page, HasSubstr("Mean average precision"));
  EXPECT_THAT(page, HasSubstr("<td>green</td>"));

  const std::string model = path("run/best.safetensors");
  const CommandResult measured =
      run_command({"eval", "--model", model, "--data", data(), "--report", path("page.html"), "--json"});
  ASSERT_EQ(measured.exit_code, 0) << measured.standard_error;
  const json result = json::parse(measured.standard_output);
  EXPECT_NEAR(result.at("map").get<double>(), run.at("best_map").get<double>(), 1e-3);
  EXPECT_EQ(result.at("images"), 40);
  EXPECT_THAT(result.at("class_average_precision").at("red"), testing::Gt(0.5));
  EXPECT_THAT(test::read_text(path("page.html")), HasSubstr("average precision"));

  const CommandResult predicted = run_command({"predict", "--model", model, path("130.png"), "--json"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.standard_error;
  EXPECT_EQ(json::parse(predicted.standard_output).at("predictions").at(0).at("classes").size(), 3U);
}

TEST_F(SeveralLabels, ARunThatGoesOnIsTheSame) {
  const std::vector<std::string> options = with(kRight, {"--mixup", "2", "--cutmix-alpha", "1", "--max-steps"});
  ASSERT_EQ(train(with(options, {"30"}), "whole").exit_code, 0);
  ASSERT_EQ(train(with(options, {"17"}), "parts").exit_code, 0);
  ASSERT_EQ(train(with(options, {"30", "--resume"}), "parts").exit_code, 0);
  EXPECT_EQ(test::read_text(path("whole/last.safetensors")), test::read_text(path("parts/last.safetensors")));
}

TEST_F(SeveralLabels, ARecipeOfTheDataIsForThem) {
  const CommandResult planned = run_command(
      {"train", "--data", data(), "--out", path("run"), "--minutes", "0.05", "--threads", "1", "--dry-run", "--json"});
  ASSERT_EQ(planned.exit_code, 0) << planned.standard_error;
  const std::string config = json::parse(planned.standard_output).at("config");
  for (const char* line :
       {"\nloss=\"sigmoid\"\n", "\nsigmoid-divisor=\"classes\"\n", "\nvalidation-metric=\"map\"\n"}) {
    EXPECT_THAT(config, HasSubstr(line));
  }
}

TEST_F(SeveralLabels, WhatIsForOneLabelIsRefused) {
  const std::pair<std::vector<std::string>, const char*> refused[] = {
      {{"--validation-metric", "map"}, "--loss: softmax is of one class an image"},
      {{"--loss", "sigmoid"}, "--validation-metric: top1 is of one class an image"},
      {with(kRight, {"--balance", "sampling"}), "--balance: goes by the one class of an image"},
      {with(kRight, {"--kd-temperature", "1"}), "--kd-temperature: learns probabilities that add up to one"},
  };
  for (const auto& [options, message] : refused) {
    const CommandResult result = train(options);
    EXPECT_EQ(result.exit_code, 2) << message;
    EXPECT_THAT(result.standard_error, HasSubstr(message));
  }
  const CommandResult checked = run_command({"dataset", "check", data()});
  EXPECT_EQ(checked.exit_code, 3);
  EXPECT_THAT(checked.standard_error, HasSubstr("any number of classes may be right for its images"));
  EXPECT_FALSE(fs::exists(path("run")));
}

}  // namespace
}  // namespace assemble
