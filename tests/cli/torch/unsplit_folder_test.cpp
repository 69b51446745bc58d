// SPDX-License-Identifier: Apache-2.0
// A folder of classes without splits trains with some that are made, and kept with the run.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = test::fs;

class UnsplitFolderTest : public testing::Test {
 protected:
  void SetUp() override { fs::copy(test::drawn_data() / "train", data_, fs::copy_options::recursive); }

  CommandResult train(const std::string& run, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"train",  "--data",          data_.string(), "--out",     in(run),
                                       "--arch", "mobilenet_v1",    "--epochs",     "2",         "--batch-size",
                                       "8",      "--preprocessing", "imagenet_32a", "--threads", "1",
                                       "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryFolder folder_;
  fs::path data_ = folder_ / "photos";  // 8 classes of 6 images
};

TEST_F(UnsplitFolderTest, OneClassIsAnError) {
  for (const auto& folder : fs::directory_iterator(data_)) {
    if (folder.path().filename() != "dotted disc") fs::remove_all(folder.path());
  }
  const CommandResult trained = train("run");
  EXPECT_EQ(trained.exit_code, 3);
  EXPECT_THAT(trained.standard_error, HasSubstr("photos: holds one class, 'dotted disc'"));
  EXPECT_FALSE(fs::exists(in("run")));
}

TEST_F(UnsplitFolderTest, IsSplitAndTheSplitIsKept) {
  const CommandResult first = train("run", {"--max-steps", "2", "--validation-share", "0.2"});
  ASSERT_EQ(first.exit_code, 0) << first.standard_error;
  EXPECT_THAT(
      first.standard_error,
      AllOf(HasSubstr("photos: has no splits; of each class 20.0 % validate, 8 images (--validation-share), and "
                      "40 train"),
            HasSubstr("split.csv says which images validate")));
  const std::string kept = test::read_text(in("run/split.csv"));
  EXPECT_THAT(kept, HasSubstr("image,label,split\n"));

  // What comes later is none of the run's.
  fs::copy_file(data_ / "dotted disc/00000.png", data_ / "dotted disc/later.png");
  const CommandResult resumed = train("run", {"--validation-share", "0.2", "--resume"});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.standard_error;
  EXPECT_THAT(resumed.standard_error, HasSubstr("40 training and 8 validation images"));
  EXPECT_EQ(test::read_text(in("run/split.csv")), kept);

  const CommandResult measured = run_command({"eval", "--model", in("run/last.safetensors"), "--data", data_.string(),
                                              "--split-file", in("run/split.csv"), "--json"});
  ASSERT_EQ(measured.exit_code, 0) << measured.standard_error;
  EXPECT_EQ(json::parse(measured.standard_output).at("images"), 8);

  const CommandResult anew = train("run", {"--max-steps", "1", "--validation-share", "0.2", "--overwrite"});
  ASSERT_EQ(anew.exit_code, 0) << anew.standard_error;
  EXPECT_NE(test::read_text(in("run/split.csv")), kept);
}

TEST_F(UnsplitFolderTest, EverySeedHasTheSameSplit) {
  ASSERT_EQ(train("a", {"--max-steps", "1", "--seed", "1"}).exit_code, 0);
  ASSERT_EQ(train("b", {"--max-steps", "1", "--seed", "2"}).exit_code, 0);
  EXPECT_EQ(test::read_text(in("a/split.csv")), test::read_text(in("b/split.csv")));
}

TEST_F(UnsplitFolderTest, ALabelFileTrainsToo) {
  std::string list = "image,label,split\n";
  for (const auto& entry : fs::recursive_directory_iterator(data_)) {
    if (!entry.is_regular_file()) continue;
    const fs::path path = entry.path().lexically_relative(data_);
    list += path.string() + "," + path.begin()->string() + (path.filename() == "00000.png" ? ",val\n" : ",train\n");
  }
  write_file(data_ / "labels.csv", std::string_view(list));
  data_ /= "labels.csv";
  const CommandResult result = train("run", {"--max-steps", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(result.standard_error, HasSubstr("40 training and 8 validation images"));
  EXPECT_FALSE(fs::exists(in("run/split.csv")));
}

TEST_F(UnsplitFolderTest, OneImageAClassCannotValidate) {
  for (const auto& entry : fs::directory_iterator(data_)) {
    for (int i = 1; i < 6; ++i) fs::remove(entry.path() / ("0000" + std::to_string(i) + ".png"));
  }
  const CommandResult result = train("run");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("cannot be split: every class is one image or one group"));
  EXPECT_FALSE(fs::exists(in("run")));
}

}  // namespace
}  // namespace assemble
