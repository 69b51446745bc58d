// SPDX-License-Identifier: Apache-2.0
#include "assemble/trace/interpreter.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "assemble/deploy/benchmark.h"
#include "assemble/deploy/passes.h"
#include "assemble/trace/arrays.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"

namespace assemble {
namespace {

TEST(Interpreter, RoundsAndClipsTo8Bits) {
  const torch::Tensor values = torch::tensor({-1.0f, 0.24f, 0.26f, 127.4f, 200.f});
  EXPECT_TRUE(compute(ops::Quantise{{0.5f, false}}, {values}).equal(torch::tensor({0.f, 0.f, 0.5f, 127.5f, 127.5f})));
  EXPECT_TRUE(compute(ops::Quantise{{0.5f, true}}, {values}).equal(torch::tensor({-1.f, 0.f, 0.5f, 63.5f, 63.5f})));
}

TEST(Interpreter, EqualsTheSlowObviousOne) {
  for (const test::SmallNetworkOptions& options :
       {test::SmallNetworkOptions{}, {.side = 48, .gem = true}, {.embedding = 10}}) {
    const Graph graph = test::SmallNetwork(options).graph();
    const RandomImages images(2, options.side, 1);
    const Matrix wanted = test::interpret(graph, images.view());
    for (const Graph& computed : {graph, optimise(graph), pools_as_convolutions(optimise(graph))}) {
      const Matrix found = to_matrix(interpret(computed, to_tensor(images.view())));
      EXPECT_LT(test::relative_difference(found, wanted), 1e-5);
    }
  }
}

TEST(Interpreter, ShowsEachNodeOnce) {
  const Graph graph = test::SmallNetwork().graph();
  const RandomImages images(2, 32, 1);
  std::vector<NodeId> seen;
  interpret(graph, to_tensor(images.view()),
            [&](const Graph& shown, NodeId id, const std::vector<torch::Tensor>& inputs, const torch::Tensor& output) {
              seen.push_back(id);
              EXPECT_EQ(output.sizes().slice(1).vec(), shown.node(id).shape) << shown.node(id).name;
              EXPECT_EQ(inputs.size(), std::max<size_t>(1, shown.node(id).inputs.size()));
            });
  EXPECT_EQ(seen.size(), graph.nodes().size());
}

/// A kernel of the CPU in the place of cuDNN's: the same graph, fused and not.
TEST(Interpreter, FusesConvolutionsWithSumsAndReLU) {
  const Graph graph = optimise(test::SmallNetwork({.side = 48}).graph());
  const RandomImages images(2, 48, 1);
  int with_sum = 0, alone = 0;
  const auto compute = [&](const FusedConvolution& what) {
    ++(what.added.defined() ? with_sum : alone);
    for (const torch::Tensor& tensor : {what.input, what.weight, what.added}) {
      if (!tensor.defined()) continue;
      EXPECT_EQ(tensor.scalar_type(), torch::kDouble);
      EXPECT_TRUE(tensor.is_contiguous(torch::MemoryFormat::ChannelsLast));
    }
    torch::Tensor sum = torch::conv2d(what.input, what.weight, what.bias, what.stride, what.padding);
    if (what.added.defined()) sum += what.added;
    return sum.relu().to(torch::kFloat);
  };
  const Interpreter fused(graph, torch::kCPU, {compute, torch::kDouble});
  const torch::Tensor found = fused.run(to_tensor(images.view()));
  const torch::Tensor wanted = interpret(graph, to_tensor(images.view()));
  EXPECT_LT(test::relative_difference(to_matrix(found), to_matrix(wanted)), 1e-5);
  int rectified = 0, sums = 0;
  for (const Node& node : graph.nodes()) {
    const auto* conv = node.as<ops::Convolution>();
    const auto* add = node.as<ops::Add>();
    rectified += conv != nullptr && conv->relu && conv->groups == 1;
    sums += add != nullptr && add->relu;
  }
  EXPECT_EQ(alone, rectified);
  EXPECT_GT(alone, 0);
  EXPECT_GT(with_sum, 0);
  EXPECT_LE(with_sum, sums);
}

}  // namespace
}  // namespace assemble
