// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"
#include "engines.h"
#include "small_network.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
namespace fs = test::fs;

/// A drawn data set with a leak and a file that is no image.
class CheckCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(test::drawn_data(), folder_ / "data", fs::copy_options::recursive);
    fs::copy_file(data_ / "train/dotted disc/00000.png", data_ / "validation/dotted disc/leak.png");
    test::write_bytes(data_ / "train/dotted star/broken.png", std::vector<uint8_t>{1, 2, 3});
  }

  CommandResult check(std::vector<std::string> more) const {
    more.insert(more.begin(), {"dataset", "check", data_.string()});
    return run_command(more);
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }

  test::TemporaryFolder folder_;
  fs::path data_ = folder_ / "data";
};

TEST_F(CheckCommandTest, PrintsAndShowsWhatItFinds) {
  const CommandResult text = check({});
  ASSERT_EQ(text.exit_code, 0) << text.standard_error;
  EXPECT_THAT(
      text.standard_output,
      AllOf(HasSubstr("The same image in several splits       2       1"), HasSubstr("Files that cannot be read"),
            HasSubstr("train/dotted star/broken.png"), HasSubstr("class dotted cross has 6")));
  const CommandResult result = check({"--json", "--report", in("new/report.html")});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json found = json::parse(result.standard_output);
  EXPECT_EQ(found.at("images"), 48 + 24 + 2);
  EXPECT_EQ(found.at("counts").at("leaks"), 1);
  EXPECT_EQ(found.at("faults").at("broken").at(0).at("image"), "train/dotted star/broken.png");
  EXPECT_EQ(found.at("duplicates").at(0).at("images").at(1), (json{{"image", "validation/dotted disc/leak.png"},
                                                                   {"split", "validation"},
                                                                   {"class", "dotted disc"},
                                                                   {"likeness", "same_bytes"},
                                                                   {"of", "train/dotted disc/00000.png"}}));
  EXPECT_THAT(test::read_text(in("new/report.html")),
              AllOf(HasSubstr("data:image/jpeg;base64,"), HasSubstr("leak.png")));
}

TEST_F(CheckCommandTest, WritesAListOrACleanedCopy) {
  const CommandResult list = check({"--fix", "list", "--out", in("list.txt")});
  ASSERT_EQ(list.exit_code, 0) << list.standard_error;
  EXPECT_EQ(test::read_text(in("list.txt")), "train/dotted disc/00000.png\ntrain/dotted star/broken.png\n");
  ASSERT_EQ(check({"--fix", "list", "--leave-out", "broken", "--out", in("list.txt")}).exit_code, 0);
  EXPECT_EQ(test::read_text(in("list.txt")), "train/dotted star/broken.png\n");
  const CommandResult copy = check({"--fix", "copy", "--out", in("clean"), "--json"});
  ASSERT_EQ(copy.exit_code, 0) << copy.standard_error;
  EXPECT_EQ(json::parse(copy.standard_output).at("copied"), 72);
  const json cleaned = json::parse(run_command({"dataset", "check", in("clean"), "--json"}).standard_output);
  EXPECT_EQ(cleaned.at("images"), 72);
  EXPECT_EQ(cleaned.at("counts").at("leaks"), 0);
}

TEST_F(CheckCommandTest, RefusesWhatCannotBe) {
  const auto error_of = [&](std::vector<std::string> more, int code) {
    const CommandResult result = check(std::move(more));
    EXPECT_EQ(result.exit_code, code) << result.standard_error;
    return result.standard_error;
  };
  EXPECT_THAT(error_of({"--fix", "copy"}, 2), HasSubstr("--out"));
  EXPECT_THAT(error_of({"--out", in("x")}, 2), HasSubstr("--fix"));
  EXPECT_THAT(error_of({"--leave-out", "dark"}, 2), HasSubstr("--fix"));
  EXPECT_THAT(error_of({"--fix", "list", "--out", in("x"), "--leave-out", "drak"}, 2), HasSubstr("did you mean dark?"));
  EXPECT_THAT(error_of({"--fix", "copy", "--out", data_.string()}, 2), HasSubstr("the data set's own folder"));
  EXPECT_THAT(error_of({"--report", data_.string()}, 2), HasSubstr("is a folder"));
  EXPECT_THAT(error_of({"--model", in("absent.safetensors")}, 3), HasSubstr("absent.safetensors"));
}

TEST_F(CheckCommandTest, ScoresLabelsByAModel) {
  ASSEMBLE_NEEDS_OPENVINO();
  test::SmallNetwork network({.classes = 8});
  network.save(folder_ / "model.safetensors", network.card());
  const CommandResult result = check({"--model", in("model.safetensors"), "--cache", "", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json scores = json::parse(result.standard_output).at("label_scores");
  ASSERT_EQ(scores.size(), 48u + 24 + 1);
  double before = -1;
  for (const json& entry : scores) {
    EXPECT_GE(entry.at("score"), before);
    EXPECT_LE(entry.at("score"), 1);
    before = entry.at("score");
  }
}

}  // namespace
}  // namespace assemble
