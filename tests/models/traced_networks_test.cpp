// SPDX-License-Identifier: Apache-2.0
// Every kind of network as a graph: traced, rewritten, stored in a model file, computed by the engines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/deploy/passes.h"
#include "assemble/models/model_file.h"
#include "assemble/models/use_torch.h"
#include "assemble/trace/arrays.h"
#include "assemble/trace/interpreter.h"
#include "engines.h"
#include "lively_network.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::relative_difference;
using testing::HasSubstr;

template <typename Kind>
int count(const Graph& graph) {
  int found = 0;
  for (const Node& node : graph.nodes()) found += node.as<Kind>() ? 1 : 0;
  return found;
}

ModelCard card_of(const Classifier& model, int64_t size) {
  ModelCard card;
  card.arch = model->arch().str();
  for (int64_t c = 0; c < model->options().classes; ++c) card.class_names.push_back(concat("class ", c));
  card.preprocessing = Preprocessing::from_type(concat("imagenet_", size));
  return card;
}

void expect_same_graph(const Graph& a, const Graph& b) {
  ASSERT_EQ(a.nodes().size(), b.nodes().size());
  for (NodeId id = 0; id < a.nodes().size(); ++id) {
    EXPECT_EQ(a.node(id).name, b.node(id).name);
    EXPECT_EQ(a.node(id).op.index(), b.node(id).op.index()) << a.node(id).name;
    EXPECT_EQ(a.node(id).inputs, b.node(id).inputs) << a.node(id).name;
    EXPECT_EQ(a.node(id).shape, b.node(id).shape) << a.node(id).name;
  }
}

class EveryKind : public testing::TestWithParam<NetworkCase> {
 protected:
  static void SetUpTestSuite() { use_torch(); }
  static torch::Tensor noise(int64_t count, int64_t size) { return torch::randn({count, 3, size, size}); }
  /// In double precision.
  Matrix expected(const torch::Tensor& images, bool embeddings = false) {
    const torch::NoGradGuard no_grad;
    const Classifier exact = lively_network(GetParam().arch, 7, size_);
    exact->to(torch::kDouble);
    return to_matrix(embeddings ? exact->embed(images.to(torch::kDouble)) : exact->forward(images.to(torch::kDouble)));
  }
  bool flat() const { return model_->arch().pool == PoolType::kFlatten; }

  const int64_t size_ = GetParam().size;
  Classifier model_ = lively_network(GetParam().arch, 7, size_);
  torch::Tensor kept_;
};

TEST_P(EveryKind, TracedGraphComputesTheNetwork) {
  const Graph graph = trace(*model_, size_);
  const torch::Tensor images = noise(1, size_);
  EXPECT_LT(relative_difference(test::interpret(graph, to_images(images, kept_)), expected(images)), 1e-6);
  EXPECT_EQ(graph.output().shape, std::vector<int64_t>{7});
  const bool blurs = model_->arch().blur_size > 1;  // the network's own count leaves the filters out
  if (!blurs) {
    EXPECT_EQ(graph.multiply_adds(), model_->multiply_adds(size_));
  }
}

TEST_P(EveryKind, EveryRewriteIsExact) {
  Graph graph = trace(*model_, size_);
  const torch::Tensor images = noise(1, size_);
  const Matrix wanted = expected(images);
  for (const auto& pass : {fold_batch_norm, fuse_relu, merge_padding, split_convolutions, order_projections,
                           fuse_upsample_add, remove_dead}) {
    graph = pass(graph);
    EXPECT_LT(relative_difference(test::interpret(graph, to_images(images, kept_)), wanted), 2e-5);
  }
  EXPECT_EQ(count<ops::BatchNorm>(graph), 0);
  EXPECT_EQ(count<ops::Relu>(graph), model_->arch().embedding > 0 ? 1 : 0);  // a reshape stands before the embedding's
  for (const Node& node : graph.nodes()) {
    const auto* slice = node.as<ops::Slice>();
    EXPECT_FALSE(slice && slice->dimension == 1) << node.name << " splits channels";
  }
}

TEST_P(EveryKind, EnginesGiveTheLogitsOfTheNetwork) {
  const torch::Tensor images = noise(3, size_);
  const Matrix wanted = expected(images);
  const Graph graph = optimise(trace(*model_, size_));
  for (const EngineKind kind : test::engines()) {
    const auto engine = make_engine(graph, {.kind = kind, .batch = 2});
    EXPECT_LT(relative_difference(engine->run(to_images(images, kept_)), wanted), 1e-4) << engine->description();
  }
}

TEST_P(EveryKind, TheGraphSurvivesTheModelFile) {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "model.safetensors";
  save_model(path, *model_, card_of(model_, size_));
  ASSERT_TRUE(SafetensorsFile(path).metadata().contains("graph"));
  const Graph read = read_graph(path, size_), traced = trace(*model_, size_);
  expect_same_graph(read, traced);
  const torch::Tensor images = noise(1, size_);
  EXPECT_TRUE(interpret(read, images).equal(interpret(traced, images)));
}

TEST_P(EveryKind, TheStoredGraphFitsOtherSizes) {
  const test::TemporaryFolder folder;
  const fs::path path = folder / "model.safetensors";
  save_model(path, *model_, card_of(model_, size_));
  const int64_t step = nlohmann::json::parse(SafetensorsFile(path).metadata().at("graph")).at("size_step");
  // Pooling with a power divides by a power of the number of pixels.
  const bool one_size = flat() || model_->arch().pool == PoolType::kGeM;
  EXPECT_EQ(step == 0, one_size);
  if (one_size) return;
  for (const int64_t size : {size_ + step, size_ + 64}) {
    const Graph read = read_graph(path, size), traced = trace(*model_, size);
    expect_same_graph(read, traced);
    const torch::Tensor images = noise(1, size);
    EXPECT_TRUE(interpret(read, images).equal(interpret(traced, images))) << size;
  }
}

TEST_P(EveryKind, EmbeddingsAreThoseOfTheNetwork) {
  const torch::Tensor images = noise(2, size_);
  const Graph graph = optimise(embedding_of(trace(*model_, size_)));
  const Matrix wanted = expected(images, /*embeddings=*/true);
  for (const EngineKind kind : test::engines()) {
    const auto engine = make_engine(graph, {.kind = kind, .batch = 2});
    EXPECT_LT(relative_difference(engine->run(to_images(images, kept_)), wanted), 1e-4) << engine->description();
  }
}

INSTANTIATE_TEST_SUITE_P(Arches, EveryKind, testing::ValuesIn(every_kind_of_network()));

TEST(TracedNetworks, ASelectiveKernelIsTwoConvolutionsWithoutSplits) {
  const Graph plain = trace(*lively_network("resnet50+sk+w8", 5, 64), 64);
  const Graph graph = optimise(plain);
  EXPECT_EQ(count<ops::Slice>(plain), 16 * 6);
  EXPECT_EQ(count<ops::Slice>(graph), 0);
  EXPECT_EQ(count<ops::Subtract>(graph), 0);
  int64_t saved = 0;  // the softmax of two needs the difference alone: fc_select has half its rows
  for (const Node& node : plain.nodes()) {
    if (node.name.ends_with("fc_select")) saved += node.as<ops::Convolution>()->weight.count() / 2;
  }
  EXPECT_EQ(graph.multiply_adds(), plain.multiply_adds() - saved);
}

TEST(TracedNetworks, NameTheSizesThatABigLittleNetworkTakes) {
  const Classifier model = lively_network("resnet50+bl+w8", 5, 64);
  EXPECT_THAT(test::error_of<UsageError>([&] { trace(*model, 60); }), HasSubstr("32 or 64"));
}

TEST(TracedNetworks, AFileWithoutAGraphIsTracedWhereLibtorchIs) {
  use_torch();
  const test::TemporaryFolder folder;
  const fs::path path = folder / "model.safetensors";
  const Classifier model = lively_network("resnet50+w8", 5, 64);
  save_model(path, *model, card_of(model, 64));
  const SafetensorsFile file(path);
  Metadata metadata = file.metadata();
  metadata.erase("graph");
  std::vector<Bytes> bytes;
  std::vector<TensorView> views;
  for (const auto& [name, entry] : file.tensors()) bytes.push_back(file.read(name));
  for (const auto& [name, entry] : file.tensors())
    views.push_back({name, entry.type, entry.shape, bytes[views.size()]});
  write_safetensors(folder / "old.safetensors", views, metadata);
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  torch::Tensor kept;
  for (const EngineKind kind : test::engines()) {
    const auto of = [&](const char* name) {
      return open_engine(folder / name, {.kind = kind}).engine->run(to_images(images, kept));
    };
    EXPECT_TRUE(test::same(of("old.safetensors"), of("model.safetensors")));
  }
}

TEST(TorchEngine, TakesImagesAsOpenvinoDoes) {
  use_torch();
  const Classifier model = lively_network("resnet50+w8", 5, 32);
  const Graph graph = optimise(trace(*model, 32));
  const Graph of_pixels = with_preprocessing(graph, {});
  const std::vector<float> floats(2 * 64 * 64 * 3, 10.4f);
  const std::vector<uint8_t> bytes(floats.size(), 10);
  for (const EngineKind kind : test::engines()) {
    const auto engine = make_engine(graph, {.kind = kind, .batch = 4});
    EXPECT_THROW(engine->run({2, 32, 31, floats.data()}), UsageError);
    EXPECT_THROW(engine->run({2, 64, 64, floats.data()}), UsageError);
    EXPECT_THROW(engine->run({2, 32, 32, bytes.data()}), UsageError);
    EXPECT_EQ(engine->run({2, 32, 32, floats.data()}).rows, 2) << "and it still runs";
    const auto pixels = make_engine(of_pixels, {.kind = kind, .batch = 4});
    EXPECT_TRUE(test::same(pixels->run({2, 32, 32, floats.data()}), pixels->run({2, 32, 32, bytes.data()})));
    EXPECT_THROW(pixels->run({2, 32, 31, bytes.data()}), UsageError);
    for (const EngineOptions& options :
         {EngineOptions{.kind = kind, .batch = 0}, EngineOptions{.kind = kind, .threads = -1}}) {
      EXPECT_THROW(make_engine(graph, options), UsageError);
    }
  }
}

}  // namespace
}  // namespace assemble
