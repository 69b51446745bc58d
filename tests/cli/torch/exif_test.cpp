// SPDX-License-Identifier: Apache-2.0
// A model says whether it was trained with images as their EXIF tags turn them, and is used the same way.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../../image/sample_images.h"
#include "assemble/deploy/model_file.h"
#include "assemble/io/safetensors.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class ExifCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(in("photo.jpg"), test::make_jpeg(test::wavy_image(60, 90), {.exif_orientation = 6}));
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }
  std::string train(const std::string& exif) const {
    const CommandResult result = run_command(
        {"train", "--data", test::drawn_data().string(), "--out", in(exif), "--arch", "mobilenet_v1", "--epochs", "1",
         "--max-steps", "1", "--batch-size", "8", "--preprocessing", "imagenet_32a", "--threads", "1", "--exif", exif});
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return in(exif + "/last.safetensors");
  }
  std::vector<float> seen(std::vector<std::string> how) const {
    how.insert(how.begin(), {"preprocess", in("photo.jpg"), "--out", in("seen.safetensors")});
    const CommandResult result = run_command(how);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return SafetensorsFile(in("seen.safetensors")).read_f32("photo.jpg");
  }

  test::TemporaryFolder folder_;
};

TEST_F(ExifCommandTest, TheModelFileSaysIt) {
  const std::string turns = train("turn"), ignores = train("ignore");
  EXPECT_EQ(read_model_card(turns).preprocessing.exif(), ExifRule::kTurn);
  EXPECT_EQ(read_model_card(ignores).preprocessing.exif(), ExifRule::kIgnore);
  const std::vector<float> turned = seen({"--model", turns}), stored = seen({"--model", ignores});
  EXPECT_NE(turned, stored);
  EXPECT_EQ(seen({"--model", turns, "--exif", "ignore"}), stored);
  EXPECT_EQ(seen({"--model", ignores, "--exif", "turn"}), turned);
  EXPECT_EQ(seen({"--type", "imagenet_32a"}), stored);
  EXPECT_EQ(seen({"--type", "imagenet_32a", "--exif", "turn"}), turned);
}

TEST_F(ExifCommandTest, PredictionFollowsTheModelUnlessTold) {
  const std::string model = train("turn");
  const auto predicted = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"predict", "--model", model, in("photo.jpg"), "--json"});
    const CommandResult result = run_command(more);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.standard_output;
  };
  EXPECT_EQ(predicted({}), predicted({"--exif", "turn"}));
  EXPECT_NE(predicted({}), predicted({"--exif", "ignore"}));
  const CommandResult wrong = run_command({"predict", "--model", model, in("photo.jpg"), "--exif", "turned"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.standard_error, HasSubstr("turn"));
}

}  // namespace
}  // namespace assemble
