// SPDX-License-Identifier: Apache-2.0
// Every operation of the inference graphs, alone: the engine computes what the definition in graph.h says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/engine.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "test_support.h"

namespace assemble {
namespace {

Array weights(std::vector<int64_t> shape, uint64_t seed) {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return Array(std::move(shape), test::normal_values(count, seed));
}

Array positive(int64_t count, uint64_t seed) {
  std::vector<float> values = test::normal_values(count, seed);
  for (float& value : values) value = std::abs(value) + 0.5f;
  return Array({count}, std::move(values));
}

/// A graph [3, 9, 8] → … → a vector, with an operation on other nodes, or on the input itself.
struct Case {
  const char* name;
  std::function<NodeId(Graph& graph, NodeId images)> add;
};
void PrintTo(const Case& tested, std::ostream* stream) { *stream << tested.name; }

template <typename Kind>
std::function<NodeId(Graph&, NodeId)> of_images(const Kind& op) {
  return [op](Graph& graph, NodeId images) { return graph.add(op, {images}); };
}

NodeId projected(Graph& graph, NodeId images, int64_t stride, uint64_t seed) {
  return graph.add(ops::Convolution{.weight = weights({4, 3, 1, 1}, seed), .bias = {}, .stride = stride, .padding = {}},
                   {images});
}
NodeId channel_weights(Graph& graph, NodeId images) { return graph.add(ops::Mean{}, {projected(graph, images, 1, 7)}); }

template <typename Kind>
std::function<NodeId(Graph&, NodeId)> of_two(const Kind& op) {
  return [op](Graph& graph, NodeId images) {
    return graph.add(op, {projected(graph, images, 1, 1), projected(graph, images, 1, 2)});
  };
}

std::vector<Case> every_operation() {
  const ops::Convolution conv{
      .weight = weights({6, 3, 3, 3}, 3), .bias = weights({6}, 4), .stride = 2, .padding = {1, 0, 2, 1}, .relu = true};
  const ops::Convolution depthwise{.weight = weights({6, 1, 3, 3}, 3), .bias = {}, .groups = 3, .padding = {}};
  const ops::MaxPool max_ceil{3, 2, {0, 0, 0, 0}, true};
  const ops::AveragePool average_ceil{2, 2, {0, 0, 0, 0}, false, true};
  return {
      {"Convolution", of_images(conv)},
      {"DepthwiseConvolution", of_images(depthwise)},
      {"BatchNorm", of_images(ops::BatchNorm{weights({3}, 1), weights({3}, 2), weights({3}, 3), positive(3, 4)})},
      {"Relu", of_images(ops::Relu{})},
      {"Sigmoid", of_images(ops::Sigmoid{})},
      {"Add", of_two(ops::Add{})},
      {"AddRelu", of_two(ops::Add{true})},
      {"Subtract", of_two(ops::Subtract{})},
      {"Multiply", of_two(ops::Multiply{})},
      {"MultiplyByChannel",
       [](Graph& graph, NodeId images) {
         return graph.add(ops::Multiply{}, {projected(graph, images, 1, 1), channel_weights(graph, images)});
       }},
      {"Mix",
       [](Graph& graph, NodeId images) {
         return graph.add(ops::Mix{}, {projected(graph, images, 1, 1), projected(graph, images, 1, 2),
                                       channel_weights(graph, images)});
       }},
      {"MaxPool", of_images(ops::MaxPool{3, 2, {1, 1, 1, 1}})},
      {"MaxPoolCeil", of_images(max_ceil)},
      {"AveragePool", of_images(ops::AveragePool{3, 2, {1, 1, 1, 1}})},
      {"AveragePoolOfWhatExists", of_images(ops::AveragePool{3, 1, {1, 0, 1, 2}, false})},
      {"AveragePoolCeil", of_images(average_ceil)},
      {"PadReflect", of_images(ops::Pad{{1, 2, 3, 4}, ops::PadMode::kReflect})},
      {"PadEdge", of_images(ops::Pad{{0, 2, 9, 1}, ops::PadMode::kEdge})},
      {"PadZero", of_images(ops::Pad{{0, 2, 1, 3}, ops::PadMode::kZero})},
      {"Mean", of_images(ops::Mean{})},
      {"Sum", of_images(ops::Sum{})},
      {"Clamp", of_images(ops::Clamp{-0.5, 1.25})},
      {"Power",
       [](Graph& graph, NodeId images) {
         return graph.add(ops::Power{2.5}, {graph.add(ops::Clamp{0.1, 10}, {images})});
       }},
      {"Scale", of_images(ops::Scale{-1.5})},
      {"Upsample", of_images(ops::Upsample{})},
      {"UpsampleAdd",
       [](Graph& graph, NodeId images) {
         const NodeId large = graph.add(ops::Upsample{}, {projected(graph, images, 1, 1)});
         return graph.add(ops::UpsampleAdd{}, {projected(graph, images, 1, 2), large});
       }},
      {"UpsampleAddRelu",
       [](Graph& graph, NodeId images) {
         const NodeId large = graph.add(ops::Upsample{}, {projected(graph, images, 1, 1)});
         return graph.add(ops::UpsampleAdd{true}, {projected(graph, images, 1, 2), large});
       }},
      {"SliceOfChannels", of_images(ops::Slice{1, 1, 3})},
      {"SliceOfEverySecondRow", of_images(ops::Slice{2, 1, ops::Slice::kToEnd, 2})},
      {"SliceOfColumns", of_images(ops::Slice{3, 2, 7, 3})},
      {"Transpose", of_images(ops::Transpose{{0, 3, 1, 2}})},
      {"Reshape", of_images(ops::Reshape{{6, 4, 9}})},
      {"QuantiseSigned", of_images(ops::Quantise{{0.01f, true}})},
      {"QuantiseUnsigned", of_images(ops::Quantise{{0.01f, false}})},
  };
}

class EveryOperation : public testing::TestWithParam<Case> {};

TEST_P(EveryOperation, OfTheEngineIsAsDefined) {
  ASSEMBLE_NEEDS_OPENVINO();
  Graph graph;
  const NodeId tested = GetParam().add(graph, graph.add_input({}, {3, 9, 8}));
  int64_t count = 1;
  for (const int64_t extent : graph.node(tested).shape) count *= extent;
  graph.add(ops::Reshape{{count}}, {tested});
  const std::vector<float> pixels = test::normal_values(2 * 9 * 8 * 3, 5);
  const Images images{2, 9, 8, pixels.data()};
  const Matrix wanted = test::interpret(graph, images);
  ASSERT_EQ(wanted.columns, count);
  EXPECT_LT(test::relative_difference(make_engine(graph, {.batch = 2})->run(images), wanted), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Operations, EveryOperation, testing::ValuesIn(every_operation()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ReferenceInterpreter, RoundsAndClipsTo8Bits) {
  Graph graph;
  NodeId node = graph.add_input({}, {3, 1, 2});
  const std::vector<float> pixels{-1.0f, 0.24f, 0.26f, 127.4f, 200.f, -200.f};
  const Images images{1, 1, 2, pixels.data()};
  graph.add(ops::Quantise{{0.5f, false}}, {node});
  graph.add(ops::Quantise{{0.5f, true}}, {node});
  const std::vector<test::Value> values = test::interpret_nodes(graph, images, 0);
  EXPECT_THAT(values[1].values, testing::ElementsAre(0, 127.5, 0, 127.5, 0.5, 0));
  EXPECT_THAT(values[2].values, testing::ElementsAre(-1, 63.5, 0, 63.5, 0.5, -64));
}

}  // namespace
}  // namespace assemble
