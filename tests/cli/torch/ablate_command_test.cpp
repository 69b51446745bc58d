// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/image/corruptions.h"
#include "drawn_data.h"
#include "test_support.h"
#include "torch/ablate/ladder.h"
#include "torch/ablate/trained_network.h"

namespace assemble::cli {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kLadder = R"(title = "Two rungs"
rungs = ["plain", "with D", "small"]
seeds = [3, 5]
corruptions = "none"
[train]
arch = "resnet50+w4"
epochs = 1
batch-size = 8
bn-momentum = 0.9
warmup-epochs = 0
preprocessing = "imagenet_32a"
[rung."with D"]
arch = "resnet50+d+w4"
[rung.small]
follows = "plain"
lr = 0.05
)";

class AblateTest : public testing::Test {
 protected:
  fs::path write(const std::string& text) {
    const fs::path file = folder_ / "ladder.toml";
    write_file(file, text);
    return file;
  }

  CommandResult ablate(const std::string& ladder, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"ablate", write(ladder).string(), "--data", test::drawn_data().string(),
                                   "--out",  out().string(),         "--json", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_command(words);
  }

  std::string refusal(const std::string& ladder, std::vector<std::string> more = {}) {
    const CommandResult result = ablate(ladder, std::move(more));
    EXPECT_EQ(result.exit_code, 2) << result.standard_output;
    return result.standard_error;
  }

  fs::path out() const { return folder_ / "out"; }

  test::TemporaryFolder folder_;
};

std::string with(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

TEST_F(AblateTest, TrainsEveryRungWithEverySeedAndComparesThem) {
  const CommandResult result = ablate(kLadder);
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json output = json::parse(result.standard_output);
  ASSERT_EQ(output.at("rungs").size(), 3u);
  const json &plain = output["rungs"][0], &deep = output["rungs"][1], &small = output["rungs"][2];
  EXPECT_EQ(deep.at("name"), "with D");
  EXPECT_EQ(deep.at("arch"), "resnet50+d+w4");
  EXPECT_THAT(deep.at("changes"), ElementsAre("--arch resnet50+d+w4 (was resnet50+w4)"));
  EXPECT_EQ(small.at("follows"), "plain");
  EXPECT_EQ(small.at("arch"), "resnet50+w4");
  EXPECT_THAT(small.at("seeds"), ElementsAre(3, 5));
  EXPECT_FALSE(plain.at("measures").at("top1").contains("change"));
  EXPECT_FALSE(plain.at("measures").contains("mce_15"));
  EXPECT_NEAR(output.at("last_against_first").at("top1").at("mean").get<double>(),
              small["measures"]["top1"]["mean"].get<double>() - plain["measures"]["top1"]["mean"].get<double>(), 1e-6);
  const std::vector<TextLine> rows = read_lines(out() / "results.csv");
  ASSERT_EQ(rows.size(), 7u);
  double sum = 0;
  for (const size_t row : {3, 4}) {
    const std::vector<std::string> cells = csv_cells(rows[row].text);
    EXPECT_EQ(cells[0], "with D");
    sum += parse_number(cells[4]).value();
  }
  EXPECT_NEAR(deep["measures"]["top1"].at("mean").get<double>(), sum / 2, 1e-3);
  const std::string page = test::read_text(out() / "report.html");
  EXPECT_THAT(page, AllOf(HasSubstr("Two rungs"), HasSubstr("with D"), HasSubstr("inference, images/s")));
  EXPECT_TRUE(fs::exists(out() / "with-d/seed-5/last.safetensors"));

  // What is finished is kept, what is new is added, and what differs is refused.
  const auto written = fs::last_write_time(out() / "with-d/seed-5/last.safetensors");
  const CommandResult again = ablate(kLadder, {"--seeds", "5", "3"});
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  EXPECT_EQ(fs::last_write_time(out() / "with-d/seed-5/last.safetensors"), written);
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "lr = 0.04")), HasSubstr("--lr \"0.05\", not \"0.04\""));
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "zero-gamma = true")), HasSubstr("not"));
}

TEST_F(AblateTest, CBarStandsBesideC) {
  const std::string one = with(kLadder, R"(["plain", "with D", "small"])", R"(["plain"])");
  const std::string ladder = with(one.substr(0, one.find("[rung.")), R"("none")", R"(["official", "c-bar"])");
  const CommandResult result = ablate(ladder, {"--seeds", "3", "--corrupted-images", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json output = json::parse(result.standard_output);
  EXPECT_THAT(output.at("measured_on").get<std::string>(), HasSubstr("ImageNet-C and the 10 of ImageNet-C-bar"));
  const json& figures = output.at("rungs").at(0).at("measures");
  const json record = json::parse(test::read_text(out() / "plain/seed-3/result.json"));
  const json measured = record.at("result").at("corruptions").at("corruptions");
  ASSERT_EQ(measured.size(), 25u);
  for (const auto& [set, key] :
       {std::pair(CorruptionSet::kC, "corruption_error"), {CorruptionSet::kCBar, "c_bar_error"}}) {
    double sum = 0;
    int count = 0;
    for (const std::string& name : corruption_names(set)) {
      if (!measured.contains(name)) continue;
      for (const json& severity : measured[name]) sum += 100 * severity.at("error").get<double>(), ++count;
    }
    EXPECT_NEAR(figures.at(key).at("mean").get<double>(), sum / count, 1e-9) << key;
  }
  EXPECT_NEAR(figures.at("mce_c_bar").at("mean").get<double>(), 100, 1e-9);
}

TEST_F(AblateTest, ARunThatWasKilledGoesOn) {
  const std::string one = with(kLadder, R"(["plain", "with D", "small"])", R"(["plain"])");
  const std::string ladder = one.substr(0, one.find("[rung."));
  ASSERT_EQ(ablate(ladder, {"--seeds", "3"}).exit_code, 0);
  const std::string whole = test::read_text(out() / "plain/seed-3/last.safetensors");
  // As after a kill once the run was trained, before it was measured.
  json record = json::parse(test::read_text(out() / "plain/seed-3/result.json"));
  const double top1 = record.at("result").at("top1");
  record.erase("result");
  write_file(out() / "plain/seed-3/result.json", record.dump());
  const CommandResult again = ablate(ladder, {"--seeds", "3"});
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  EXPECT_EQ(json::parse(test::read_text(out() / "plain/seed-3/result.json")).at("result").at("top1"), top1);
  EXPECT_EQ(test::read_text(out() / "plain/seed-3/last.safetensors"), whole);
}

TEST_F(AblateTest, SharesRunsAndTimesThem) {
  const std::string one = with(kLadder, R"(["plain", "with D", "small"])", R"(["plain"])");
  const std::string ladder = one.substr(0, one.find("[rung."));
  const CommandResult first = ablate(ladder, {"--rank", "0", "--world", "2"});
  ASSERT_EQ(first.exit_code, 0) << first.standard_error;
  EXPECT_EQ(json::parse(first.standard_output).at("missing"), 1);
  EXPECT_FALSE(fs::exists(out() / "report.html"));
  const CommandResult second = ablate(ladder, {"--rank", "1", "--world", "2"});
  ASSERT_EQ(second.exit_code, 0) << second.standard_error;
  EXPECT_TRUE(fs::exists(out() / "report.html"));
  fs::remove_all(out());
  const CommandResult timed = ablate(ladder, {"--minutes", "0.001", "--seeds", "1"});
  ASSERT_EQ(timed.exit_code, 0) << timed.standard_error;
  const json rungs = json::parse(timed.standard_output).at("rungs");
  EXPECT_GE(rungs[0].at("epochs"), 1);
}

TEST_F(AblateTest, LaddersThatMeanNothingAreRefused) {
  EXPECT_THAT(refusal("title = \"x\"\n"), HasSubstr("has no rungs"));
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "arch = \"resnet50+w4\"")),
              HasSubstr("ladder.toml:16:8: rung 'small' changes nothing in 'plain'"));
  EXPECT_THAT(refusal(with(kLadder, "[rung.small]", "[rung.smal]")), HasSubstr("rung 'small' changes nothing"));
  EXPECT_THAT(refusal(with(kLadder, ", \"small\"]", "]")), HasSubstr("'small' is not among `rungs`"));
  EXPECT_THAT(refusal(with(kLadder, "follows = \"plain\"", "follows = \"plan\"")),
              HasSubstr("'plan' is no earlier rung (did you mean 'plain'?)"));
  EXPECT_THAT(refusal(with(kLadder, "\"small\"]", "\"With-D\"]")), HasSubstr("much like another rung"));
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "seed = 1")), HasSubstr("'seed' is set for each run"));
  EXPECT_THAT(refusal(with(kLadder, "+d+w4", "+x+w4")), AllOf(HasSubstr("rung 'with D'"), HasSubstr("unknown tweak")));
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "pretrained = \"nowhere.pth\"")), HasSubstr("does not exist"));
  EXPECT_THAT(refusal(with(kLadder, "lr = 0.05", "teacher = \"rung:later\"")), HasSubstr("'later' is no earlier rung"));
  EXPECT_THAT(refusal(with(kLadder, "seeds = [3, 5]", "seeds = [3, 3]")), HasSubstr("--seeds: holds one twice"));
  EXPECT_THAT(refusal(with(kLadder, "follows = \"plain\"", "follows = []")),
              HasSubstr("'rung.small.follows' is empty"));
  for (const char* words : {"official,all", "none,c-bar", "c-bar,official,c-bar"}) {
    EXPECT_THAT(refusal(kLadder, {"--corruptions", words}), HasSubstr("do not go together")) << words;
  }
  EXPECT_THAT(refusal(kLadder, {"--corruptions", "cbar"}), HasSubstr("did you mean c-bar?"));
  EXPECT_THAT(refusal(with(kLadder, "\"Two rungs\"", "[]")), HasSubstr("'title' is empty"));
  EXPECT_THAT(refusal(with(kLadder, "seeds", "seed")), HasSubstr("did you mean --seeds?"));
  EXPECT_THAT(refusal(with(kLadder, "[train]", "[trian]")), HasSubstr("unknown key 'trian.arch'"));
  EXPECT_FALSE(fs::exists(out()));
  fs::create_directories(out());
  write_file(out() / "results.csv", std::string_view("mine"));
  EXPECT_THAT(refusal(kLadder), HasSubstr("no ablation.json that says how it was made"));
  EXPECT_EQ(test::read_text(out() / "results.csv"), "mine");
}

TEST(Ladder, ThoseThatComeAlongCanBeTrained) {
  size_t rungs = 0;
  for (const auto& file : fs::directory_iterator(fs::path(ASSEMBLE_SOURCE_DIR) / "ladders")) {
    for (const Rung& rung : Ladder::read(file.path()).rungs) {
      SCOPED_TRACE(concat(file.path().filename().string(), ", ", rung.name));
      const ConfiguredTraining training(rung.options, file.path().string(), "data", "run");
      EXPECT_NO_THROW(training.job.check());
      EXPECT_NO_THROW((void)Arch::parse(training.job.options().arch));
      ++rungs;
    }
  }
  EXPECT_GE(rungs, 26u);
}

TEST(Ladder, RungsHaveFoldersOfTheirNames) {
  EXPECT_EQ(folder_name("D + aa3"), "d-aa3");
  EXPECT_EQ(folder_name("AutoAugment (v0)"), "autoaugment-v0");
  EXPECT_EQ(folder_name("…"), "");
}

}  // namespace
}  // namespace assemble::cli
