// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "assemble/core/error.h"
#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/passes.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::interpret;
using test::relative_difference;
using test::SmallNetwork;
using testing::HasSubstr;

template <typename Kind>
int count(const Graph& graph) {
  int found = 0;
  for (const Node& node : graph.nodes()) found += node.as<Kind>() ? 1 : 0;
  return found;
}

Array ones(std::vector<int64_t> shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return Array(std::move(shape), std::vector<float>(static_cast<size_t>(count), 1));
}

/// Networks of different heads and sizes.
std::vector<test::SmallNetworkOptions> kinds() {
  return {{}, {.side = 48, .gem = true, .seed = 2}, {.embedding = 10, .seed = 3}};
}

TEST(Rewrites, AreExactOneAfterTheOther) {
  for (const test::SmallNetworkOptions& kind : kinds()) {
    Graph graph = SmallNetwork(kind).graph();
    const RandomImages images(2, kind.side, 1);
    const Matrix wanted = interpret(graph, images.view());
    for (const auto& pass : {fold_batch_norm, fuse_relu, merge_padding, split_convolutions, order_projections,
                             fuse_upsample_add, remove_dead}) {
      graph = pass(graph);
      EXPECT_LT(relative_difference(interpret(graph, images.view()), wanted), 1e-6);
    }
    EXPECT_EQ(count<ops::BatchNorm>(graph), 0);
    EXPECT_EQ(count<ops::Relu>(graph), kind.embedding > 0 ? 1 : 0);  // a reshape stands before the embedding's
    EXPECT_EQ(count<ops::Pad>(graph), 2) << "the blurs'; the one with a repeated edge is part of an average";
    EXPECT_EQ(count<ops::UpsampleAdd>(graph), 1);
    for (const Node& node : graph.nodes()) {
      const auto* slice = node.as<ops::Slice>();
      EXPECT_FALSE(slice && slice->dimension == 1) << node.name << " splits channels";
    }
  }
}

TEST(Rewrites, PoolsAsConvolutionsAreExact) {
  const Graph graph = SmallNetwork().graph();
  const Graph rewritten = pools_as_convolutions(graph);
  EXPECT_EQ(count<ops::AveragePool>(graph), 2);
  EXPECT_EQ(count<ops::AveragePool>(rewritten), 0);
  const RandomImages images(2, 32, 1);
  EXPECT_LT(relative_difference(interpret(rewritten, images.view()), interpret(graph, images.view())), 1e-6);
}

TEST(Rewrites, MakeASelectiveKernelTwoConvolutionsWithoutSplits) {
  const Graph plain = SmallNetwork().graph();
  const Graph graph = split_convolutions(fuse_relu(fold_batch_norm(plain)));
  EXPECT_EQ(count<ops::Slice>(plain), 6);
  EXPECT_EQ(count<ops::Slice>(graph), 0);
  EXPECT_EQ(count<ops::Subtract>(graph), 0);
  int64_t saved = 0;  // the softmax of two needs the difference alone: fc_select has half its rows
  for (const Node& node : plain.nodes()) {
    if (node.name.ends_with("fc_select")) saved += node.as<ops::Convolution>()->weight.count() / 2;
  }
  EXPECT_EQ(saved, 64);
  EXPECT_EQ(graph.multiply_adds(), plain.multiply_adds() - saved);
}

TEST(Rewrites, AProjectionComesAfterTheFilterWhenThatIsCheaper) {
  const std::vector<float> random = test::normal_values(18 + 24 + 4, 1);
  const auto part = [&](int64_t begin, int64_t end) { return std::vector(random.data() + begin, random.data() + end); };
  std::vector<float> blurs;
  for (int c = 0; c < 4; ++c) {
    for (const float tap : {1, 2, 1, 2, 4, 2, 1, 2, 1}) blurs.push_back(tap / 16);
  }
  Graph graph;
  NodeId node = graph.add_input({}, {3, 8, 8});
  node = graph.add(
      ops::Convolution{.weight = Array({6, 3, 1, 1}, part(0, 18)), .bias = {}, .padding = {}, .relu = true}, {node});
  node = graph.add(
      ops::Convolution{.weight = Array({4, 6, 1, 1}, part(18, 42)), .bias = Array({4}, part(42, 46)), .padding = {}},
      {node});
  node = graph.add(ops::Pad{{1, 1, 1, 1}, ops::PadMode::kReflect}, {node});
  node = graph.add(
      ops::Convolution{.weight = Array({4, 1, 3, 3}, blurs), .bias = {}, .stride = 2, .groups = 4, .padding = {}},
      {node});
  const Graph ordered = order_projections(graph);
  const RandomImages images(2, 8, 1);
  EXPECT_LT(relative_difference(interpret(ordered, images.view()), interpret(graph, images.view())), 1e-6);
  const int64_t before = 6 * 3 * 64;
  EXPECT_EQ(graph.multiply_adds(), before + 4 * 6 * 64 + 4 * 9 * 16);
  EXPECT_EQ(ordered.multiply_adds(), before + 6 * 9 * 16 + 4 * 6 * 16);
}

TEST(Rewrites, AFilterOfOneRowIsNoProjection) {
  Graph graph;
  NodeId node = graph.add_input({}, {4, 8, 8});
  node = graph.add(
      ops::Convolution{.weight = Array({8, 4, 1, 3}, test::normal_values(96, 1)), .bias = {}, .padding = {0, 1, 0, 1}},
      {node});
  node = graph.add(ops::Convolution{.weight = ones({8, 1, 1, 1}), .bias = {}, .stride = 2, .groups = 8, .padding = {}},
                   {node});
  EXPECT_EQ(order_projections(graph).multiply_adds(), graph.multiply_adds());
}

TEST(Rewrites, PreprocessingInsideTakesBytes) {
  const Graph graph = SmallNetwork({.deviation = 1.5}).graph();
  Preprocessing preprocessing;
  preprocessing.deviation = {58.4f, 57.1f, 57.4f};
  std::vector<uint8_t> bytes(2 * 32 * 32 * 3);
  std::vector<float> floats;
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(i * i % 251);
    floats.push_back((bytes[i] - preprocessing.mean[i % 3]) / preprocessing.deviation[i % 3]);
  }
  EXPECT_LT(relative_difference(interpret(with_preprocessing(graph, preprocessing), {2, 32, 32, bytes.data()}),
                                interpret(graph, {2, 32, 32, floats.data()})),
            1e-6);
}

TEST(Graph, NamesNodesOnce) {
  Graph graph;
  NodeId node = graph.add_input({}, {3, 4, 4});
  for (const char* name : {"a", "a", "a", ""}) node = graph.add(ops::Relu{}, {node}, name);
  EXPECT_EQ(graph.node(2).name, "a_2");
  EXPECT_EQ(graph.node(3).name, "a_3");
  EXPECT_EQ(graph.node(4).name, "Relu_4");
  EXPECT_THROW(graph.add_input({}, {3, 4, 4}), UsageError);
}

TEST(Graph, CeilModeCoversEveryPixel) {
  struct Shapes {
    int64_t size, kernel, stride, around, out;
  };
  for (const Shapes& s : {Shapes{7, 3, 2, 0, 3},
                          {8, 3, 2, 0, 4},
                          {8, 2, 2, 0, 4},
                          {7, 2, 2, 0, 4},
                          {8, 3, 2, 1, 5},
                          {7, 3, 2, 1, 4},
                          {2, 2, 3, 0, 1},
                          {2, 1, 2, 0, 1},
                          {5, 1, 3, 0, 2}}) {
    Graph graph;
    const NodeId input = graph.add_input({}, {3, s.size, s.size});
    const Padding around{s.around, s.around, s.around, s.around};
    const NodeId pooled = graph.add(ops::MaxPool{s.kernel, s.stride, around, true}, {input});
    EXPECT_EQ(graph.node(pooled).shape, (std::vector<int64_t>{3, s.out, s.out})) << s.size << " by " << s.kernel;
  }
}

/// An operation on some of: an image [3, 8, 6], a map [4, 8, 6], a vector [4, 1, 1] and plain numbers [5].
struct Misfit {
  Op op;
  std::vector<NodeId> inputs;
  const char* error;
};

TEST(Graph, RefusesWhatDoesNotFit) {
  Graph graph;
  const NodeId image = graph.add_input({}, {3, 8, 6});
  const NodeId map = graph.add(ops::Convolution{.weight = ones({4, 3, 1, 1}), .bias = {}, .padding = {}}, {image});
  const NodeId vector = graph.add(ops::Mean{}, {map});
  const NodeId numbers = graph.add(ops::Reshape{{4}}, {vector});
  const size_t nodes = graph.nodes().size();
  const auto conv = [](Array weight, Array bias = {}, int64_t stride = 1, int64_t groups = 1, Padding padding = {}) {
    return ops::Convolution{
        .weight = std::move(weight), .bias = std::move(bias), .stride = stride, .groups = groups, .padding = padding};
  };
  const int64_t huge = std::numeric_limits<int64_t>::max(), least = std::numeric_limits<int64_t>::min();
  const Array three = ones({3});
  const std::vector<Misfit> misfits{
      {ops::Relu{}, {}, "another number of inputs"},
      {ops::Relu{}, {image, image}, "another number of inputs"},
      {ops::Add{}, {image}, "another number of inputs"},
      {ops::Mix{}, {map, map}, "another number of inputs"},
      {ops::Input{}, {image}, "another number of inputs"},
      {ops::Relu{}, {99}, "reads a node that is not before it"},
      {conv(ones({4, 2, 1, 1})), {image}, "do not take 3 channels"},
      {conv(ones({4, 3, 1, 1}), {}, 1, 2), {image}, "do not take 3 channels"},
      {conv(ones({4, 1, 1, 1}), {}, 1, 3), {image}, "do not take 3 channels"},
      {conv(ones({4, 3, 1, 1}), {}, 1, 0), {image}, "do not take 3 channels"},
      {conv(ones({4, 3, 1, 1}), {}, 1, huge), {image}, "do not take 3 channels"},
      {conv(ones({4, 3})), {image}, "are no filters"},
      {conv({}), {image}, "are no filters"},
      {conv(ones({0, 3, 1, 1})), {image}, "are no filters"},
      {conv(ones({4, 3, 1, 1}), ones({3})), {image}, "a bias of 3 values for 4 channels"},
      {conv(ones({4, 3, 1, 1}), {}, 0), {image}, "window or stride"},
      {conv(ones({4, 3, 1, 1}), {}, huge), {image}, "window or stride"},
      {conv(ones({4, 3, 1, 1}), {}, 1, 1, {0, -1, 0, 0}), {image}, "padding"},
      {conv(ones({4, 3, 1, 1}), {}, 1, 1, {0, 0, huge, 0}), {image}, "padding"},
      {conv(ones({4, 3, 7, 7})), {image}, "a window of 7 is larger than its input of 6"},
      {conv(ones({4, 4, 1, 1})), {numbers}, "is no map"},
      {ops::BatchNorm{three, three, three, ones({4})}, {image}, "other than 3 values"},
      {ops::BatchNorm{three, three, three, {}}, {image}, "other than 3 values"},
      {ops::BatchNorm{three, three, three, three}, {numbers}, "is no map"},
      {ops::Add{}, {image, map}, "its inputs are [3, 8, 6] and [4, 8, 6]"},
      {ops::Subtract{}, {map, vector}, "its inputs are"},
      {ops::Multiply{}, {image, vector}, "its inputs are"},
      {ops::Mix{}, {map, image, vector}, "its inputs are"},
      {ops::Mix{}, {map, map, map}, "its weights are not one a channel"},
      {ops::MaxPool{0, 1, {}}, {image}, "window or stride"},
      {ops::MaxPool{huge, 1, {}}, {image}, "window or stride"},
      {ops::MaxPool{2, 2, {least, 0, 0, 0}, true}, {image}, "padding"},
      {ops::MaxPool{2, 0, {}, true}, {image}, "window or stride"},
      {ops::AveragePool{2, -1, {}}, {image}, "window or stride"},
      {ops::AveragePool{2, 2, {}, true, true}, {numbers}, "is no map"},
      {ops::AveragePool{2, 2, {}}, {numbers}, "is no map"},
      {ops::Pad{{0, 6, 0, 0}, ops::PadMode::kReflect}, {image}, "mirrors more than there is"},
      {ops::Pad{{0, 0, 8, 0}, ops::PadMode::kReflect}, {image}, "mirrors more than there is"},
      {ops::Pad{{-1, 0, 0, 0}, ops::PadMode::kEdge}, {image}, "padding"},
      {ops::Pad{{1 << 24, 1 << 24, 1, 1}, ops::PadMode::kEdge}, {image}, "a tensor of shape"},
      {ops::Mean{}, {numbers}, "is no map"},
      {ops::Sum{}, {numbers}, "is no map"},
      {ops::Upsample{}, {numbers}, "is no map"},
      {ops::UpsampleAdd{}, {image, image}, "its inputs are"},
      {ops::Slice{0, 0, 1}, {image}, "a slice of no dimension"},
      {ops::Slice{4, 0, 1}, {image}, "a slice of no dimension"},
      {ops::Slice{1, 0, 1, 0}, {image}, "a slice of no dimension"},
      {ops::Slice{1, 2, 2}, {image}, "slices 2 … 2 of 3"},
      {ops::Slice{1, 3, ops::Slice::kToEnd}, {image}, "of 3"},
      {ops::Slice{1, -1, 2}, {image}, "of 3"},
      {ops::Slice{1, 0, least}, {image}, "of 3"},
      {ops::Transpose{{0, 1, 2}}, {image}, "order of dimensions"},
      {ops::Transpose{{1, 0, 2, 3}}, {image}, "order of dimensions"},
      {ops::Transpose{{0, 1, 2, 2}}, {image}, "order of dimensions"},
      {ops::Transpose{{0, 1, 2, 9}}, {image}, "order of dimensions"},
      {ops::Transpose{{}}, {image}, "order of dimensions"},
      {ops::Reshape{{3, 8, 7}}, {image}, "cannot become [3, 8, 7]"},
      {ops::Reshape{{-3, -48}}, {image}, "a tensor of shape"},
      {ops::Reshape{{huge, huge}}, {image}, "a tensor of shape"},
      {ops::Reshape{{}}, {image}, "cannot become"},
      {ops::Normalise{}, {image}, "pixels are [H, W, 3]"},
  };
  for (const Misfit& misfit : misfits) {
    const std::string error = test::error_of<InputError>([&] { graph.add(misfit.op, misfit.inputs, "odd"); });
    EXPECT_THAT(error, HasSubstr(concat("graph node 'odd' (", op_name(misfit.op), ")")));
    EXPECT_THAT(error, HasSubstr(misfit.error));
    EXPECT_EQ(graph.nodes().size(), nodes) << "nothing is added";
  }
}

TEST(Graph, RefusesImagesThatCannotBe) {
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{3, 0, 8}, {3, -8, 8}, {3, 1 << 20, 1 << 20}, {3, int64_t{1} << 62, 4}}) {
    Graph graph;
    EXPECT_THAT(test::error_of<InputError>([&] { graph.add_input({}, shape); }), HasSubstr("graph input"));
  }
}

TEST(AtSize, IsTheGraphOfAnotherSize) {
  const Graph small = SmallNetwork({.gem = true}).graph(), large = SmallNetwork({.side = 64, .gem = true}).graph();
  const Graph moved = at_size(small, 64, 64);
  ASSERT_EQ(moved.nodes().size(), large.nodes().size());
  for (NodeId id = 0; id < large.nodes().size(); ++id) {
    EXPECT_EQ(moved.node(id).shape, large.node(id).shape) << large.node(id).name;
    EXPECT_EQ(moved.node(id).name, large.node(id).name);
  }
  const RandomImages images(1, 64, 1);
  EXPECT_TRUE(test::same(interpret(moved, images.view()), interpret(large, images.view())));
  EXPECT_EQ(at_size(small, 48, 32).input().shape, (std::vector<int64_t>{3, 48, 32}));
  EXPECT_EQ(at_size(with_preprocessing(small, {}), 48, 64).input().shape, (std::vector<int64_t>{48, 64, 3}));
}

TEST(AtSize, NamesTheNodeThatDoesNotFit) {
  const Graph graph = SmallNetwork().graph();
  EXPECT_THAT(test::error_of<InputError>([&] { at_size(graph, 40, 40); }), HasSubstr("graph node 'Add"));
  EXPECT_THAT(test::error_of<InputError>([&] { at_size(graph, 0, 32); }), HasSubstr("graph input"));
  EXPECT_THROW(at_size(graph, 1, 1), InputError);
  Graph flat;
  flat.add(ops::Reshape{{3 * 4 * 4}}, {flat.add_input({}, {3, 4, 4})}, "flat");
  EXPECT_THAT(test::error_of<InputError>([&] { at_size(flat, 5, 5); }), HasSubstr("graph node 'flat'"));
}

TEST(EmbeddingOf, IsTheInputOfTheLastDenseLayerBeforeAnyActivation) {
  for (const int64_t embedding : {0, 10}) {
    const Graph graph = SmallNetwork({.embedding = embedding}).graph();
    const RandomImages images(2, 32, 1);
    std::string wanted = embedding > 0 ? "embedding_bn" : "Mean";
    NodeId last = 0;
    for (NodeId id = 0; id < graph.nodes().size(); ++id) {
      if (graph.node(id).name.starts_with(wanted)) last = id;
    }
    const Matrix embeddings = interpret(embedding_of(graph), images.view());
    EXPECT_EQ(embeddings.columns, embedding > 0 ? embedding : 16);
    for (int64_t i = 0; i < 2; ++i) {
      const std::vector<double> values = test::interpret_nodes(graph, images.view(), i)[last].values;
      const std::vector<float> expected(values.begin(), values.end());
      EXPECT_THAT(embeddings.row(i), testing::ElementsAreArray(expected));
    }
    const bool negative = std::ranges::any_of(embeddings.values, [](float value) { return value < 0; });
    EXPECT_EQ(negative, embedding > 0) << "the ReLU behind an embedding is left out";
    EXPECT_LT(relative_difference(interpret(optimise(embedding_of(graph)), images.view()), embeddings), 1e-6);
  }
}

TEST(WithEmbedding, RewritesKeepItBesideTheLogits) {
  for (const int64_t embedding : {0, 10}) {
    const Graph graph = SmallNetwork({.embedding = embedding}).graph();
    const RandomImages images(2, 32, 1);
    const Graph both = optimise(with_embedding(graph));
    EXPECT_EQ(count<ops::Embedding>(both), 1);
    EXPECT_EQ(both.output().shape, graph.output().shape);
    EXPECT_LT(relative_difference(interpret(both, images.view()), interpret(graph, images.view())), 1e-6);
    const Matrix wanted = interpret(embedding_of(graph), images.view());
    for (NodeId id = 0; id < both.nodes().size(); ++id) {
      if (!both.node(id).as<ops::Embedding>()) continue;
      const std::vector<double> values = test::interpret_nodes(both, images.view(), 1)[id].values;
      for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted.row(1)[i], 1e-5);
    }
  }
}

TEST(EmbeddingOf, NeedsADenseLayer) {
  Graph graph;
  const NodeId mean = graph.add(ops::Mean{}, {graph.add_input({}, {3, 4, 4})}, "mean");
  graph.add(ops::Reshape{{3}}, {mean});
  EXPECT_THAT(test::error_of<UsageError>([&] { embedding_of(graph); }), HasSubstr("the graph ends in mean"));
}

TEST(RemoveDead, LeavesWhatTheOutputDependsOn) {
  Graph graph;
  const NodeId input = graph.add_input({}, {3, 4, 4});
  const NodeId dead = graph.add(ops::Sigmoid{}, {input});
  graph.add(ops::Relu{}, {dead});
  graph.add(ops::Mean{}, {graph.add(ops::Scale{2}, {input})});
  const Graph kept = remove_dead(graph);
  EXPECT_EQ(kept.nodes().size(), 3u);
  EXPECT_EQ(count<ops::Sigmoid>(kept), 0);
}

TEST(Rewrite, HasToPutTheOutputLast) {
  Graph graph;
  graph.add(ops::Relu{}, {graph.add_input({}, {3, 4, 4})});
  EXPECT_THROW(rewrite(graph,
                       [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
                         const NodeId copy = copy_node(rewritten, graph.node(old), inputs);
                         rewritten.add(ops::Sigmoid{}, {copy});
                         return copy;
                       }),
               UsageError);
}

}  // namespace
}  // namespace assemble
