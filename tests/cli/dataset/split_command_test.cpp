// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = test::fs;

class SplitCommandTest : public testing::Test {
 protected:
  CommandResult split(std::vector<std::string> more) const {
    more.insert(more.begin(), {"dataset", "split", data_.string()});
    return run_command(more);
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryFolder folder_;
  fs::path data_ = test::drawn_data() / "train";  // 8 classes of 6 images
};

TEST_F(SplitCommandTest, WritesAListThatOtherCommandsFollow) {
  const CommandResult made = split({"--validation", "0.2", "--test", "0.2", "--list", in("split.csv"), "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.standard_error;
  const json result = json::parse(made.standard_output);
  EXPECT_EQ(result.at("images"), 48);
  EXPECT_EQ(result.at("train_images"), 32);
  EXPECT_EQ(result.at("validation_images"), 8);
  EXPECT_EQ(result.at("test_images"), 8);
  EXPECT_EQ(result.at("classes").at(0).at("validation_images"), 1);
  const CommandResult seen =
      run_command({"dataset", "inspect", data_.string(), "--split-file", in("split.csv"), "--json"});
  ASSERT_EQ(seen.exit_code, 0) << seen.standard_error;
  EXPECT_EQ(json::parse(seen.standard_output).at("train_images"), 32);
  EXPECT_EQ(json::parse(seen.standard_output).at("validation_images"), 8);
}

TEST_F(SplitCommandTest, FillsAFolderAndLeavesTheSource) {
  const std::vector<std::string> before = test::list_files(data_);
  const CommandResult made = split({"--out", in("photos"), "--method", "link"});
  ASSERT_EQ(made.exit_code, 0) << made.standard_error;
  EXPECT_THAT(made.standard_output, AllOf(HasSubstr("class"), HasSubstr("all"), HasSubstr(": 48 images")));
  EXPECT_EQ(test::list_files(data_), before);
  const CommandResult seen = run_command({"dataset", "inspect", in("photos"), "--json"});
  EXPECT_EQ(json::parse(seen.standard_output).at("validation_images"), 8);
}

TEST_F(SplitCommandTest, WrongOptionsAreNamed) {
  const auto error = [&](std::vector<std::string> more) {
    const CommandResult result = split(std::move(more));
    EXPECT_EQ(result.exit_code, 2) << result.standard_error;
    return result.standard_error;
  };
  EXPECT_THAT(error({}), HasSubstr("--list and --out: expected one of them"));
  EXPECT_THAT(error({"--list", in("split.txt")}), HasSubstr("is no .csv file"));
  EXPECT_THAT(error({"--list", in("a.csv"), "--method", "copy"}), HasSubstr("--method: has no effect without --out"));
  EXPECT_THAT(error({"--list", in("a.csv"), "--together", "folders"}), HasSubstr("folder"));
  EXPECT_THAT(error({"--list", in("a.csv"), "--together", "name"}), HasSubstr("--name-pattern: is empty"));
  EXPECT_THAT(error({"--list", in("a.csv"), "--together", "folder"}), HasSubstr("cannot be split"));
  EXPECT_THAT(error({"--out", data_.string()}), HasSubstr("--out"));
  const CommandResult whole = run_command({"dataset", "split", test::drawn_data().string(), "--list", in("a.csv")});
  EXPECT_EQ(whole.exit_code, 2);
  EXPECT_THAT(whole.standard_error, HasSubstr("has splits already: train, validation"));
  EXPECT_FALSE(fs::exists(in("a.csv")));
}

}  // namespace
}  // namespace assemble
