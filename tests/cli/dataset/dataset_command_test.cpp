// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "../../data/imagenet_sets.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::run_command;
using testing::HasSubstr;
namespace fs = test::fs;

/// A data set of two classes, one of a name in Latin-1, with files that are no images.
class DatasetCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::vector<std::string>& names = drawn_classes();
    for (const auto& [drawn, split] : {std::pair("train", "Train"), {"validation", "valid"}, {"validation", "test"}}) {
      fs::create_directories(folder_ / split);
      for (const auto& [from, to] : {std::pair(names[0], "caf\xE9"), {names[1], "tea"}}) {
        fs::copy(test::drawn_data() / drawn / from, folder_ / split / to);
      }
    }
    fs::copy_file(folder_ / "Train/tea/00000.png", folder_ / "Train/tea/00000.psd");
  }

  test::TemporaryFolder folder_;
};

TEST_F(DatasetCommandTest, InspectShowsWhereSplitsAreFromAndWhatWasPassedOver) {
  const test::CommandResult result = run_command({"dataset", "inspect", folder_.path().string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json measures = json::parse(result.standard_output);
  EXPECT_EQ(measures.at("train_source"), (folder_ / "Train").string());
  EXPECT_EQ(measures.at("validation_source"), (folder_ / "valid").string());
  EXPECT_EQ(measures.at("passed_over").at("train"), (json{{".psd", 1}}));
  EXPECT_EQ(measures.at("passed_over").at("validation"), json::object());
  EXPECT_EQ(measures.at("classes").at(0).at("name"), "café");
  EXPECT_THAT(result.standard_error, HasSubstr("'valid' is taken for validation, the test images are not"));
  const test::CommandResult text = run_command({"dataset", "inspect", folder_.path().string()});
  EXPECT_THAT(text.standard_output, HasSubstr("Train\n  passed over: 1 .psd\n"));
}

TEST(DatasetCommand, InspectTakesASetOfOneSplit) {
  const test::TemporaryFolder folder;
  test::write_validation_archive(folder / "raw", 3);
  test::write_devkit(folder / "raw", 3);
  const std::string out = (folder / "records").string();
  ASSERT_EQ(run_command({"dataset", "build", "imagenet", "--raw", (folder / "raw").string(), "--out", out}).exit_code,
            0);
  const test::CommandResult result = run_command({"dataset", "inspect", out, "--verify", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json measures = json::parse(result.standard_output);
  EXPECT_EQ(measures.at("train_images"), 0);
  EXPECT_EQ(measures.at("validation_images"), 3);
  EXPECT_EQ(measures.at("differences"), json::array());
}

}  // namespace
}  // namespace assemble
