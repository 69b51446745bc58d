// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble::cli {
namespace {

using nlohmann::json;
using test::run_command;
using testing::HasSubstr;

/// Red and blue images with noise, some of which lie in the other's folder.
class HeldOut : public testing::Test {
 protected:
  void draw(int images, const std::set<int>& wrong) const {
    for (const char* label : {"red", "blue"}) fs::create_directories(folder_ / "set" / label);
    for (int i = 0; i < images; ++i) {
      Random random(3, RandomPurpose::kDraw, 0, static_cast<uint64_t>(i));
      Image image = Image::create(40, 40);
      const bool is_red = i % 2 == 0;
      for (size_t p = 0; p < image.pixels.size(); ++p) {
        const double level = p % 3 == (is_red ? 0U : 2U) ? 190 : 60;
        image.pixels[p] = static_cast<uint8_t>(level + random.uniform(-50, 50));
      }
      const std::string folder = is_red != wrong.contains(i) ? "red" : "blue";
      write_file(folder_ / concat("set/", folder, "/", i, ".png"), encode_png(image));
    }
  }
  test::CommandResult check(const std::vector<std::string>& more) const {
    std::vector<std::string> words{"dataset", "check", (folder_ / "set").string(), "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words);
  }

  const fs::path& folder() const { return folder_.path(); }

 private:
  test::TemporaryFolder folder_;
};

/// How well it judges depends on the time that it has: docs/results/dataset_check.csv has figures.
TEST_F(HeldOut, EveryLabelIsJudgedByANetworkThatHasNotSeenIt) {
  draw(96, {10, 31, 50});
  const test::CommandResult result = check({"--folds", "2", "--minutes", "0.02"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(result.standard_error, HasSubstr("each of 2 networks"));
  const json scores = json::parse(result.standard_output).at("label_scores");
  ASSERT_EQ(scores.size(), 96U);
  std::set<std::string> images;
  double before = -1;
  for (const json& judged : scores) {
    images.insert(judged.at("image").get<std::string>());
    EXPECT_GE(judged.at("score").get<double>(), before);
    before = judged.at("score").get<double>();
    EXPECT_LE(before, 1);
    EXPECT_NE(judged.at("suggested"), judged.at("class"));
  }
  EXPECT_EQ(images.size(), 96U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder()), {}), 1) << "nothing is written";
}

TEST_F(HeldOut, WhatCannotBeTrainedIsRefused) {
  draw(20, {});
  const test::CommandResult few = check({"--folds", "2"});
  EXPECT_EQ(few.exit_code, 2);
  EXPECT_THAT(few.standard_error, HasSubstr("--folds: trains on the images themselves: 20 are too few"));
  EXPECT_EQ(check({"--folds", "1"}).exit_code, 2);
  EXPECT_EQ(check({"--folds", "2", "--model", "x.safetensors"}).exit_code, 2);
  EXPECT_EQ(check({"--minutes", "2"}).exit_code, 2);
}

}  // namespace
}  // namespace assemble::cli
