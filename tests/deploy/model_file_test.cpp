// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/model_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/engine.h"
#include "diverged.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::SmallNetwork;
using testing::HasSubstr;

class RuntimeModelFile : public testing::Test {
 protected:
  void SetUp() override { network_.save(path_); }
  /// Writes the file with changed metadata.
  void save(const std::function<void(Metadata&)>& change) {
    Metadata metadata = network_.metadata(network_.card());
    change(metadata);
    network_.save(path_, metadata);
  }

  test::TemporaryFolder folder_;
  fs::path path_ = folder_ / "model.safetensors";
  SmallNetwork network_;
};

TEST_F(RuntimeModelFile, GivesTheGraphThatWasTraced) {
  const RandomImages images(2, 32, 1);
  const Graph graph = read_graph(path_, 32), traced = network_.graph();
  EXPECT_EQ(graph.nodes().size(), traced.nodes().size());
  EXPECT_EQ(read_multiply_adds(path_, 32), traced.multiply_adds());
  EXPECT_TRUE(test::same(test::interpret(graph, images.view()), test::interpret(traced, images.view())));
}

TEST_F(RuntimeModelFile, GivesTheGraphForOtherSizes) {
  const RandomImages images(1, 64, 1);
  EXPECT_TRUE(test::same(test::interpret(read_graph(path_, 64), images.view()),
                         test::interpret(SmallNetwork({.side = 64}).graph(), images.view())));
  EXPECT_THAT(error_of<UsageError>([&] { read_graph(path_, 70); }),
              HasSubstr("needs sides that are multiples of 16 (the nearest for 70: 64 or 80)"));
  EXPECT_THAT(error_of<UsageError>([&] { read_graph(path_, 9); }), HasSubstr("the nearest for 9: 16"));
}

TEST_F(RuntimeModelFile, OfOneSizeNeedsLibtorchForAnother) {
  save([](Metadata& metadata) {
    auto graph = nlohmann::json::parse(metadata["graph"]);
    graph["size_step"] = 0;
    metadata["graph"] = graph.dump();
  });
  EXPECT_NO_THROW(read_graph(path_, 32));
  EXPECT_THAT(error_of<NeedsTorch>([&] { read_graph(path_, 64); }), HasSubstr("its graph is for 32 alone"));
}

TEST_F(RuntimeModelFile, OfSomeSizesNeedsLibtorchForThoseBetween) {
  save([](Metadata& metadata) {
    auto graph = nlohmann::json::parse(metadata["graph"]);
    graph["size_step"] = 32;
    metadata["graph"] = graph.dump();
  });
  EXPECT_NO_THROW(read_graph(path_, 64));
  EXPECT_THAT(error_of<NeedsTorch>([&] { read_graph(path_, 48); }), HasSubstr("and sizes multiples of 32 away"));
}

TEST_F(RuntimeModelFile, OfAnEarlierVersionNeedsLibtorch) {
  save([](Metadata& metadata) { metadata.erase("graph"); });
  EXPECT_THAT(error_of<NeedsTorch>([&] { read_graph(path_, 32); }), HasSubstr("`assemble convert` adds it"));
  EXPECT_EQ(read_model_card(path_).classes(), 3) << "what else it says is read";
}

TEST_F(RuntimeModelFile, RefusesADamagedGraph) {
  for (const std::string graph : {"", "{", "{}", "null"}) {
    save([&](Metadata& metadata) { metadata["graph"] = graph; });
    EXPECT_THAT(error_of<InputError>([&] { read_graph(path_, 32); }), HasSubstr("metadata 'graph'")) << graph;
  }
  save([](Metadata& metadata) {
    std::string& graph = metadata["graph"];
    graph.replace(graph.find("fc.weight"), 9, "fc.wright");
  });
  EXPECT_THAT(error_of<InputError>([&] { read_graph(path_, 32); }), HasSubstr("fc.wright"));
}

TEST_F(RuntimeModelFile, RefusesClassNamesThatAreNotAsManyAsOutputs) {
  for (const auto& [names, count] :
       {std::pair{R"([])", "names 0 classes"}, {R"(["a"])", "names 1 class,"}, {R"(["a","b","c","d"])", "4 classes"}}) {
    save([names](Metadata& metadata) { metadata["class_names"] = names; });
    for (const std::string& error :
         {error_of<InputError>([&] { read_graph(path_, 32); }), error_of<InputError>([&] { read_graph(path_, 64); }),
          error_of<InputError>([&] { read_multiply_adds(path_, 32); })}) {
      EXPECT_THAT(error, HasSubstr(path_.string() + " metadata 'class_names'"));
      EXPECT_THAT(error, HasSubstr(count));
      EXPECT_THAT(error, HasSubstr("the network has 3 outputs"));
    }
  }
}

TEST_F(RuntimeModelFile, RefusesWeightsThatAreNotFinite) {
  const fs::path diverged = folder_ / "diverged.safetensors";
  test::write_diverged(path_, diverged);
  EXPECT_THAT(error_of<InputError>([&] { read_graph(diverged, 32); }),
              HasSubstr("holds a network that computes nothing:\n  1 not finite: "));
}

TEST_F(RuntimeModelFile, RefusesForeignAndDamagedMetadata) {
  const std::vector<std::pair<std::string, std::string>> changes{
      {"format", "pt"},        {"format_version", "9"}, {"class_names", "{"}, {"class_names", "[1]"},
      {"preprocessing", "[]"}, {"loss", "hinge"},       {"training", "[]"}};
  for (const auto& [key, value] : changes) {
    save([&](Metadata& metadata) { metadata[key] = value; });
    EXPECT_THAT(error_of<InputError>([&] { read_model_card(path_); }), HasSubstr(path_.string())) << key;
    save([&](Metadata& metadata) { metadata.erase(key); });
    EXPECT_THAT(error_of<InputError>([&] { read_model_card(path_); }),
                HasSubstr(concat("has no '", key, "' in its metadata")));
  }
}

TEST_F(RuntimeModelFile, KeepsTheCard) {
  ModelCard card = network_.card();
  card.class_names = {"cl\"ass", "b", "café"};
  card.loss = LossType::kSigmoid;
  card.training = {{"epochs", "3"}, {"data", "ex\"ample"}};
  network_.save(path_, card);
  const ModelCard read = read_model_card(path_);
  EXPECT_EQ(read.arch, "small");
  EXPECT_EQ(read.class_names, card.class_names);
  EXPECT_EQ(read.preprocessing, card.preprocessing);
  EXPECT_EQ(read.loss, LossType::kSigmoid);
  EXPECT_EQ(read.training, card.training);
  card.class_names[1] = "caf\xe9";
  EXPECT_THAT(error_of<InputError>([&] { to_metadata(card); }), HasSubstr("class 1: its name"));
}

TEST_F(RuntimeModelFile, NotesInitialStatistics) {
  ModelCard card;
  EXPECT_EQ(initial_statistics(card), 0);
  note_initial_statistics(card, 0.25);
  EXPECT_EQ(initial_statistics(card), 0.25);
  note_initial_statistics(card, 1e-9);
  EXPECT_TRUE(card.training.empty());
  for (const char* odd : {"1", "-0.5", "text", "nan", ""}) {
    card.training["initial_statistics"] = odd;
    EXPECT_EQ(initial_statistics(card), 0) << odd;
  }
}

TEST_F(RuntimeModelFile, WithoutLibtorchSaysWhichFileNeedsIt) {
  save([](Metadata& metadata) { metadata.erase("graph"); });
  EXPECT_THAT(error_of<NeedsTorch>([&] { open_engine(path_, {}); }), HasSubstr(path_.string()));
}

}  // namespace
}  // namespace assemble
