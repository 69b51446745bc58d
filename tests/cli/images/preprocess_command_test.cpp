// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/image/preprocess.h"
#include "assemble/io/safetensors.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::CommandResult;
using testing::HasSubstr;

class PreprocessCommand : public testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "preprocess");
    arguments.insert(arguments.end(), {"--out", out()});
    return test::run_command(arguments);
  }
  std::string out() const { return (folder_ / "out.safetensors").string(); }
  static std::string photo() { return test::stored_golden("jpeg/synth1.jpg").string(); }
  std::string copy_of_photo(const std::string& name) const {
    test::fs::create_directories((folder_ / name).parent_path());
    test::fs::copy(photo(), folder_ / name);
    return (folder_ / name).string();
  }

  const test::TemporaryFolder folder_;
};

TEST_F(PreprocessCommand, WritesWhatEvaluationSees) {
  const std::string other = copy_of_photo("other.jpg");
  const CommandResult result = run({"--type", "imagenet_64a", photo(), other, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const auto json = nlohmann::json::parse(result.standard_output);
  EXPECT_EQ(json.at("shape"), nlohmann::json({64, 64, 3}));
  const SafetensorsFile file(out());
  EXPECT_EQ(file.tensors().size(), 2u);
  std::vector<float> expected(64 * 64 * 3);
  preprocess_eval(read_file(photo()), "photo", Preprocessing::from_type("imagenet_64a"), expected);
  EXPECT_EQ(file.entry("synth1.jpg").shape, (std::vector<int64_t>{64, 64, 3}));
  EXPECT_EQ(file.read_f32("synth1.jpg"), expected);
  EXPECT_EQ(file.read_f32("other.jpg"), expected);
}

TEST_F(PreprocessCommand, FoldersGiveATensorAnImage) {
  copy_of_photo("photos/a.jpg");
  copy_of_photo("photos/deep/a.jpg");
  const CommandResult result = run({"--type", "imagenet_64a", photo(), (folder_ / "photos").string()});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const SafetensorsFile file(out());
  EXPECT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.read_f32("a.jpg"), file.read_f32("synth1.jpg"));
  EXPECT_EQ(file.read_f32("deep/a.jpg"), file.read_f32("synth1.jpg"));
}

TEST_F(PreprocessCommand, TrainIsAFunctionOfSeedEpochAndPosition) {
  const std::string other = copy_of_photo("other.jpg");
  const auto pixels = [&](std::vector<std::string> extra) {
    extra.insert(extra.begin(), {"--type", "imagenet_32_48", "--train", photo(), other});
    const CommandResult result = run(extra);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    const SafetensorsFile file(out());
    return std::pair(file.read_f32("synth1.jpg"), file.read_f32("other.jpg"));
  };
  const auto [first, second] = pixels({"--seed", "7", "--auto-augment", "good"});
  EXPECT_EQ(first.size(), 32u * 32 * 3);
  EXPECT_NE(first, second);
  std::vector<float> expected(32 * 32 * 3);
  Augmentation augmentation;
  augmentation.auto_augment = &auto_augment_policy("good");
  Random random(7, RandomPurpose::kAugment, 0, 1);
  preprocess_train(read_file(photo()), "photo", {}, Preprocessing::from_type("imagenet_32_48"), augmentation, random,
                   expected);
  EXPECT_EQ(second, expected);
  EXPECT_EQ(pixels({"--seed", "7", "--auto-augment", "good"}), std::pair(first, second));
  EXPECT_NE(pixels({"--seed", "8", "--auto-augment", "good"}).first, first);
  EXPECT_NE(pixels({"--seed", "7", "--auto-augment", "good", "--epoch", "1"}).first, first);
}

TEST_F(PreprocessCommand, TenCropWritesTenViews) {
  const CommandResult result = run({"--type", "imagenet_64", "--ten-crop", photo()});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(SafetensorsFile(out()).entry("synth1.jpg").shape, (std::vector<int64_t>{10, 64, 64, 3}));
}

TEST_F(PreprocessCommand, WrongArgumentsAreErrorsAndWriteNothing) {
  const auto message = [&](int exit_code, const std::vector<std::string>& arguments) {
    const CommandResult result = run(arguments);
    EXPECT_EQ(result.exit_code, exit_code);
    EXPECT_FALSE(test::fs::exists(out()));
    return result.standard_error;
  };
  const std::string twin = copy_of_photo("twin/synth1.jpg");
  EXPECT_THAT(message(2, {"--type", "imagenet", photo(), twin}), HasSubstr("has the same base name as " + photo()));
  EXPECT_THAT(message(2, {"--type", "imagnet", photo()}), HasSubstr("use imagenet (224)"));
  EXPECT_THAT(message(2, {photo()}), HasSubstr("needs --type or --model"));
  EXPECT_THAT(message(2, {"--type", "imagenet", "--train", "--auto-augment", "godo", photo()}),
              HasSubstr("v0, trivial-wide, rand or none (did you mean good?)"));
  EXPECT_THAT(message(2, {"--type", "imagenet", "--auto-augment", "good", photo()}), HasSubstr("--train"));
  EXPECT_THAT(message(3, {"--type", "imagenet", (folder_ / "no.jpg").string()}), HasSubstr("no.jpg"));
  const std::string text = (folder_ / "text.jpg").string();
  test::write_bytes(text, Bytes{'t', 'e', 'x', 't'});
  EXPECT_THAT(message(3, {"--type", "imagenet", photo(), text}), HasSubstr("no image of a known format"));
}

}  // namespace
}  // namespace assemble
