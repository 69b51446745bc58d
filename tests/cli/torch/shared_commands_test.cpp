// SPDX-License-Identifier: Apache-2.0
// Commands whose work several processes share, as processes: they give what one gives.
#include <gmock/gmock.h>

#include <future>
#include <nlohmann/json.hpp>

#include "assemble/core/text.h"
#include "assemble/data/dataset.h"
#include "assemble/models/model_file.h"
#include "background_program.h"
#include "drawn_data.h"
#include "in_ranks.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using ::testing::HasSubstr;

class SharedCommands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    const auto names = open_dataset(test::drawn_data(), Split::kValidation)->class_names();
    for (const uint64_t seed : {1, 2}) {
      const Classifier model =
          make_classifier(Arch::parse("resnet50+w4"), {.classes = static_cast<int64_t>(names.size())}, seed);
      ModelCard card;
      card.arch = model->arch().str();
      card.class_names = names;
      card.preprocessing = Preprocessing::from_type("imagenet_32");
      save_model(model_file(seed), *model, card);
    }
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string model_file(uint64_t seed) { return in(concat("model", seed, ".safetensors")); }
  static std::string in(const std::string& name) { return (*folder_ / name).string(); }
  static std::string data() { return test::drawn_data().string(); }

  /// One of two processes, as a launcher starts them.
  static std::future<CommandResult> start(int rank, const std::string& port, std::vector<std::string> words) {
    words.insert(words.begin(), {"/usr/bin/env", concat("RANK=", rank), "WORLD_SIZE=2", "LOCAL_WORLD_SIZE=2",
                                 "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + port, test::command_program()});
    words.insert(words.end(), {"--json", "--quiet"});
    return std::async(std::launch::async, [words] { return test::run_program(words); });
  }
  /// @return what rank 0 prints
  static json of_two(const std::vector<std::string>& words) {
    const std::string port = std::to_string(test::free_port());
    auto first = start(0, port, words), second = start(1, port, words);
    const CommandResult other = second.get(), result = first.get();
    EXPECT_EQ(other.exit_code, 0) << other.standard_error;
    EXPECT_EQ(other.standard_output, "");
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  }
  static json of_one(std::vector<std::string> words) {
    words.insert(words.end(), {"--json", "--quiet"});
    const CommandResult result = test::run_command(words);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  }

  static void expect_near(const json& a, const json& b) {
    ASSERT_EQ(a.type(), b.type());
    if (a.is_number()) {
      EXPECT_NEAR(a.get<double>(), b.get<double>(), 1e-9);
    } else if (a.is_object()) {
      ASSERT_EQ(a.size(), b.size());
      for (const auto& [key, value] : a.items()) expect_near(value, b.at(key));
    } else {
      EXPECT_EQ(a, b);
    }
  }

  static test::TemporaryFolder* folder_;
};
test::TemporaryFolder* SharedCommands::folder_ = nullptr;

TEST_F(SharedCommands, EvaluationsCountEveryImageOnce) {
  const std::vector<std::string> words{"eval", "--model", model_file(1), "--data", data()};
  const json one = of_one(words), two = of_two(words);
  EXPECT_EQ(two["images"], one["images"]);
  EXPECT_EQ(two["confusion"], one["confusion"]);
  EXPECT_EQ(two["top1"], one["top1"]);
}

TEST_F(SharedCommands, ErrorsUnderCorruptionsAreThoseOfOneAndGoOnWithAnotherNumber) {
  const auto words = [](const std::string& out, const std::string& corruptions) {
    return std::vector<std::string>{"robustness", "c",     model_file(1),   model_file(2), "--data",       data(),
                                    "--out",      in(out), "--corruptions", corruptions,   "--severities", "1,5"};
  };
  const json one = of_one(words("c-one", "fog,contrast")), two = of_two(words("c-two", "fog,contrast"));
  for (const size_t model : {0, 1}) expect_near(two["models"][model]["measured"], one["models"][model]["measured"]);
  EXPECT_EQ(two["against_first"], one["against_first"]);
  EXPECT_TRUE(fs::exists(*folder_ / "c-two/report.html"));
  const json more = of_one(words("c-two", "fog,contrast,snow")), again = of_one(words("c-one", "fog,contrast,snow"));
  for (const size_t model : {0, 1}) expect_near(more["models"][model]["measured"], again["models"][model]["measured"]);
}

TEST_F(SharedCommands, FlipsAndAgreementAreThoseOfOne) {
  const std::vector<std::string> flips{"robustness", "p",       "--model",         model_file(1), "--data",
                                       data(),       "--kinds", "brightness,tilt", "--images",    "5"};
  EXPECT_EQ(of_two(flips)["measured"], of_one(flips)["measured"]);
  const std::vector<std::string> shifts{"robustness", "shift", "--model",  model_file(1),
                                        "--data",     data(),  "--shifts", "3"};
  EXPECT_EQ(of_two(shifts), of_one(shifts));
}

TEST_F(SharedCommands, ADataSetIsBuiltByTwo) {
  const auto words = [](const std::string& out) {
    return std::vector<std::string>{"dataset", "build", "folder", "--raw", data(), "--out", in(out)};
  };
  json one = of_one(words("built-one")), two = of_two(words("built-two"));
  one.erase("out");
  two.erase("out");
  EXPECT_EQ(two, one);
  for (const auto& entry : fs::directory_iterator(in("built-one"))) {
    const fs::path other = *folder_ / "built-two" / entry.path().filename();
    EXPECT_EQ(read_file(other), read_file(entry.path())) << other;
  }
}

TEST_F(SharedCommands, OtherOptionsOfARankAreNamed) {
  const std::string port = std::to_string(test::free_port());
  const auto words = [](const std::string& severities) {
    return std::vector<std::string>{"robustness", "c",    "--model",      model_file(1),
                                    "--data",     data(), "--severities", severities};
  };
  auto first = start(0, port, words("1")), second = start(1, port, words("2"));
  for (const CommandResult& result : {first.get(), second.get()}) {
    EXPECT_EQ(result.exit_code, 2) << result.standard_error;
    EXPECT_THAT(result.standard_error, HasSubstr("--severities: is 2 for rank 1, and 1 for rank 0"));
  }
}

TEST_F(SharedCommands, WhatOneRankMeetsEndsTheOther) {
  const std::string port = std::to_string(test::free_port());
  auto first = start(0, port, {"eval", "--model", model_file(1), "--data", data()});
  auto second = start(1, port, {"eval", "--model", in("none.safetensors"), "--data", data()});
  const CommandResult met = second.get(), told = first.get();
  EXPECT_EQ(met.exit_code, 3) << met.standard_error;
  EXPECT_EQ(told.exit_code, 4) << told.standard_error;
  EXPECT_THAT(told.standard_error, HasSubstr("rank 1: "));
  EXPECT_THAT(told.standard_error, HasSubstr("none.safetensors"));
}

}  // namespace
}  // namespace assemble
