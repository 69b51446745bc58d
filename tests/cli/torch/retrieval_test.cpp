// SPDX-License-Identifier: Apache-2.0
// Zero-shot retrieval through the command alone: training on some classes, validation and evaluation on others.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/eval/retrieval.h"
#include "assemble/io/safetensors.h"
#include "drawn_data.h"
#include "matrices.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class RetrievalCommandTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    const std::vector<std::string>& names = drawn_classes();
    for (size_t c = 0; c < names.size(); ++c) {
      const bool seen = c < names.size() / 2;
      const std::string split = seen ? "train" : "validation";
      test::fs::create_directories(*folder_ / ("data/" + split));
      test::fs::copy(test::drawn_data() / split / names[c], *folder_ / ("data/" + split) / names[c],
                     test::fs::copy_options::recursive);
    }
    trained_ = new CommandResult(run_command({"train",
                                              "--data",
                                              data(),
                                              "--out",
                                              path("run"),
                                              "--arch",
                                              "resnet50+gem+emb16+w8",
                                              "--epochs",
                                              "2",
                                              "--batch-size",
                                              "8",
                                              "--lr",
                                              "0.01",
                                              "--bn-momentum",
                                              "0.9",
                                              "--preprocessing",
                                              "imagenet_32a",
                                              "--loss",
                                              "arcface",
                                              "--cosine-scale",
                                              "16",
                                              "--validation-metric",
                                              "recall@1",
                                              "--recall-at",
                                              "3",
                                              "--json"}));
  }
  static void TearDownTestSuite() {
    delete trained_;
    delete folder_;
  }
  static std::string path(const std::string& name) { return (*folder_ / name).string(); }
  static std::string data() { return path("data"); }
  static std::vector<std::string> eval_arguments(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"eval", "--model", path("run/best.safetensors"), "--data", data()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  static test::TemporaryFolder* folder_;
  static CommandResult* trained_;
};
test::TemporaryFolder* RetrievalCommandTest::folder_ = nullptr;
CommandResult* RetrievalCommandTest::trained_ = nullptr;

TEST_F(RetrievalCommandTest, RecallPicksTheBestModel) {
  ASSERT_EQ(trained_->exit_code, 0) << trained_->standard_error;
  const json result = json::parse(trained_->standard_output);
  EXPECT_FALSE(result.contains("top1"));
  const CommandResult measured = run_command(eval_arguments({"--retrieval", "--json"}));
  ASSERT_EQ(measured.exit_code, 0) << measured.standard_error;
  const json measures = json::parse(measured.standard_output);
  EXPECT_EQ(measures.at("recall@1"), result.at("best_recall@1"));
  EXPECT_TRUE(result.contains("recall@3"));
  EXPECT_FALSE(result.contains("recall@2"));
  EXPECT_GT(measures.at("map@r"), 0.0);
  EXPECT_EQ(measures.at("images"), 12);
  EXPECT_EQ(measures.at("classes"), 4);
  EXPECT_EQ(measures.at("embedding_size"), 16);
  EXPECT_EQ(measures.at("similarity"), "cosine");
}

TEST_F(RetrievalCommandTest, EmbedWritesWhatEvalCompares) {
  const std::string file = path("e.safetensors");
  const CommandResult embedded =
      run_command({"embed", "--model", path("run/best.safetensors"), "--data", data(), "--out", file, "--json"});
  ASSERT_EQ(embedded.exit_code, 0) << embedded.standard_error;
  EXPECT_EQ(json::parse(embedded.standard_output).at("embedding_size"), 16);
  const SafetensorsFile stored(file);
  const EmbeddedImages images{test::read_matrix(stored, "embeddings"), test::read_integers(stored, "labels")};
  const RetrievalResult result = measure_retrieval(images, Similarity::kCosine, {1, 2, 4, 8});
  const CommandResult measured = run_command(eval_arguments({"--retrieval", "--json"}));
  EXPECT_EQ(to_json(result), nlohmann::ordered_json::parse(measured.standard_output));
  const json names = json::parse(stored.metadata().at("images"));
  ASSERT_EQ(names.size(), 12u);
  for (const json& name : names) EXPECT_TRUE(test::fs::exists(name.get<std::string>())) << name;

  // Exported, the same to rounding; from images without classes too.
  const std::string onnx = path("e.onnx");
  ASSERT_EQ(run_command({"export", "--model", path("run/best.safetensors"), "--embedding", "--out", onnx}).exit_code,
            0);
  const CommandResult again = run_command({"embed", "--model", onnx, "--data", path("data/validation"), "--unlabelled",
                                           "--out", path("again.safetensors")});
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  const SafetensorsFile exported(path("again.safetensors"));
  EXPECT_LT(test::relative_difference(test::read_matrix(exported, "embeddings"), images.embeddings), 1e-4);
  EXPECT_EQ(test::read_integers(exported, "labels"), std::vector<int64_t>(12, kDistractor));
  const CommandResult compared = run_command({"eval", "--model", onnx, "--data", data(), "--retrieval", "--json"});
  ASSERT_EQ(compared.exit_code, 0) << compared.standard_error;
  EXPECT_NEAR(json::parse(compared.standard_output).at("map@r").get<double>(), result.map_at_r, 1e-6);
}

TEST_F(RetrievalCommandTest, EmbedRefusesWhatItCannotDo) {
  const auto embed = [](const std::string& model, const std::string& out) {
    return run_command({"embed", "--model", model, "--data", data(), "--out", out});
  };
  const CommandResult ending = embed(path("run/best.safetensors"), path("e.txt"));
  EXPECT_EQ(ending.exit_code, 2);
  EXPECT_THAT(ending.standard_error, HasSubstr("use .safetensors, .csv or .npy"));
  ASSERT_EQ(run_command({"export", "--model", path("run/best.safetensors"), "--out", path("m.onnx")}).exit_code, 0);
  const CommandResult without = embed(path("m.onnx"), path("e.npy"));
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.standard_error, HasSubstr("--embedding"));
}

TEST_F(RetrievalCommandTest, DistractorsMakeItHarder) {
  const CommandResult alone =
      run_command(eval_arguments({"--retrieval", "--similarity", "euclidean", "--recall-at", "1", "11", "--json"}));
  ASSERT_EQ(alone.exit_code, 0) << alone.standard_error;
  EXPECT_EQ(json::parse(alone.standard_output).at("recall@11"), 1.0);
  const CommandResult among = run_command(eval_arguments({"--retrieval", "--similarity", "euclidean", "--recall-at",
                                                          "1", "11", "--distractors", path("data/train"), "--json"}));
  ASSERT_EQ(among.exit_code, 0) << among.standard_error;
  EXPECT_EQ(json::parse(among.standard_output).at("distractors"), 24);
  EXPECT_LE(json::parse(among.standard_output).at("recall@1"), json::parse(alone.standard_output).at("recall@1"));
}

TEST_F(RetrievalCommandTest, RecordsGiveTheSameMeasures) {
  const std::string all = test::drawn_data().string(), records = path("records");
  ASSERT_EQ(run_command({"dataset", "build", "folder", "--raw", all, "--out", records}).exit_code, 0);
  test::fs::remove(records + "/classes.txt");
  const auto measure = [&](const std::string& data) {
    return run_command({"eval", "--model", path("run/best.safetensors"), "--data", data, "--retrieval", "--json",
                        "--distractors", records});
  };
  const CommandResult result = measure(records);
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(result.standard_output, measure(all).standard_output);
}

TEST_F(RetrievalCommandTest, OptionsThatDoNotFitAreErrors) {
  const CommandResult without = run_command(eval_arguments({"--recall-at", "1"}));
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_THAT(without.standard_error, HasSubstr("--retrieval"));
  const CommandResult large = run_command(eval_arguments({"--retrieval", "--recall-at", "12"}));
  EXPECT_EQ(large.exit_code, 2);
  EXPECT_THAT(large.standard_error, HasSubstr("ask for at most 11"));
  EXPECT_EQ(run_command(eval_arguments({"--retrieval", "--similarity", "angle"})).exit_code, 2);
  const CommandResult classes = run_command(eval_arguments({}));
  EXPECT_EQ(classes.exit_code, 3) << "without --retrieval the classes must be the model's";
}

}  // namespace
}  // namespace assemble
