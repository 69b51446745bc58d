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

}  // namespace
}  // namespace assemble
