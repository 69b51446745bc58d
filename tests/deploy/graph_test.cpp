// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/trace/interpreter.h"
#include "assemble/deploy/passes.h"
#include "assemble/trace/trace.h"
#include "lively_network.h"

namespace assemble {
namespace {

using testing::HasSubstr;

double relative_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

template <typename Kind>
int count(const Graph& graph) {
  int found = 0;
  for (const Node& node : graph.nodes()) found += node.as<Kind>() ? 1 : 0;
  return found;
}

/// In double precision, where a rewrite that changes more than the order of sums shows.
class EveryTweak : public testing::TestWithParam<NetworkCase> {
 protected:
  EveryTweak() { model_->to(torch::kDouble); }
  Classifier model_ = lively_network(GetParam().arch, 7, GetParam().size);
  torch::Tensor images_ = torch::randn({2, 3, GetParam().size, GetParam().size}, torch::kDouble);
  torch::Tensor expected() {
    const torch::NoGradGuard no_grad;
    return model_->forward(images_);
  }
};

TEST_P(EveryTweak, TracedGraphComputesTheNetwork) {
  const Graph graph = trace(*model_, GetParam().size);
  EXPECT_LT(relative_difference(interpret(graph, images_), expected()), 1e-12);
  EXPECT_EQ(graph.output().shape, std::vector<int64_t>{7});
  const bool blurs = model_->arch().blur_size > 1;  // the network's own count leaves the filters out
  if (!blurs) {
    EXPECT_EQ(graph.multiply_adds(), model_->multiply_adds(GetParam().size));
  }
}

TEST_P(EveryTweak, EveryRewriteIsExact) {
  Graph graph = trace(*model_, GetParam().size);
  const torch::Tensor wanted = expected();
  for (const auto& pass : {fold_batch_norm, fuse_relu, merge_padding, split_convolutions, order_projections,
                           fuse_upsample_add, remove_dead}) {
    graph = pass(graph);
    EXPECT_LT(relative_difference(interpret(graph, images_), wanted), 1e-9);
  }
  EXPECT_EQ(count<ops::Affine>(graph), 0);
  EXPECT_EQ(count<ops::Relu>(graph), model_->arch().embedding > 0 ? 1 : 0);  // a reshape stands before the embedding's
  for (const Node& node : graph.nodes()) {
    const auto* slice = node.as<ops::Slice>();
    EXPECT_FALSE(slice && slice->dimension == 1) << node.name << " splits channels";
  }
}

INSTANTIATE_TEST_SUITE_P(Arches, EveryTweak, testing::ValuesIn(every_kind_of_network()));

TEST(Graph, SelectiveKernelIsTwoConvolutionsWithoutSplits) {
  const Classifier model = lively_network("resnet50+sk+w8", 5, 64);
  const Graph plain = trace(*model, 64);
  const Graph graph = optimise(plain);
  EXPECT_EQ(count<ops::Slice>(plain), 16 * 6);
  EXPECT_EQ(count<ops::Slice>(graph), 0);
  EXPECT_EQ(count<ops::Subtract>(graph), 0);
  int64_t saved = 0;  // the softmax of two needs the difference alone: fc_select has half its rows
  for (const Node& node : plain.nodes()) {
    if (node.name.ends_with("fc_select")) saved += node.as<ops::Convolution>()->weight.numel() / 2;
  }
  EXPECT_EQ(graph.multiply_adds(), plain.multiply_adds() - saved);
}

TEST(Graph, ProjectionComesAfterTheFilterWhenThatIsCheaper) {
  torch::manual_seed(1);
  const torch::Tensor row = torch::tensor({0.25, 0.5, 0.25});
  Graph graph;
  NodeId node = graph.add_input({}, {6, 8, 8});
  node =
      graph.add(ops::Convolution{.weight = torch::randn({4, 6, 1, 1}), .bias = torch::randn(4), .padding = {}}, {node});
  node = graph.add(ops::Pad{{1, 1, 1, 1}, ops::PadMode::kReflect}, {node});
  node =
      graph.add(ops::Convolution{.weight = torch::outer(row, row).expand({4, 1, 3, 3}).contiguous().to(torch::kFloat),
                                 .bias = {},
                                 .stride = 2,
                                 .groups = 4,
                                 .padding = {}},
                {node});
  const Graph ordered = order_projections(graph);
  const torch::Tensor images = torch::randn({2, 6, 8, 8});
  EXPECT_LT(relative_difference(interpret(ordered, images), interpret(graph, images)), 1e-6);
  EXPECT_EQ(graph.multiply_adds(), 4 * 6 * 64 + 4 * 9 * 16);
  EXPECT_EQ(ordered.multiply_adds(), 6 * 9 * 16 + 4 * 6 * 16);
}

TEST(Graph, PreprocessingInsideTakesBytes) {
  const Classifier model = lively_network("mobilenet_v1+w8", 5, 32);
  const Graph graph = trace(*model, 32);
  Preprocessing preprocessing;
  preprocessing.deviation = {58.4f, 57.1f, 57.4f};
  const torch::Tensor bytes = torch::randint(0, 256, {2, 32, 32, 3}, torch::kByte);
  const torch::Tensor mean = torch::tensor({123.68f, 116.78f, 103.94f}),
                      deviation = torch::tensor({58.4f, 57.1f, 57.4f});
  const torch::Tensor images = ((bytes.to(torch::kFloat) - mean) / deviation).permute({0, 3, 1, 2});
  EXPECT_LT(relative_difference(interpret(with_preprocessing(graph, preprocessing), bytes), interpret(graph, images)),
            1e-6);
}

TEST(Graph, NamesTheSizesThatABigLittleNetworkTakes) {
  const Classifier model = lively_network("resnet50+bl+w8", 5, 64);
  try {
    trace(*model, 60);
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("32 or 64"));
  }
}

}  // namespace
}  // namespace assemble
