// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <functional>

#include "assemble/deploy/graph.h"

namespace assemble {

/// Called after each node with its output; the inputs are those it was computed from.
using Observe = std::function<void(const Graph& graph, NodeId node, const std::vector<torch::Tensor>& inputs,
                                   const torch::Tensor& output)>;

/// A node's weights as LibTorch takes them: of a convolution, or scale and shift of a batch norm.
struct NodeWeights {
  torch::Tensor weight, bias;
};

/// Computes a graph with LibTorch, node by node: the reference that rewrites and engines are held against.
class Interpreter {
 public:
  explicit Interpreter(const Graph& graph, torch::Device device = torch::kCPU);
  /// @param images as the graph's input says, with any N, on the interpreter's device
  /// @return logits [N, classes]
  torch::Tensor run(const torch::Tensor& images, const Observe& observe = {}) const;
  const Graph& graph() const { return graph_; }

 private:
  Graph graph_;
  std::vector<NodeWeights> weights_;
};

/// The same for a graph that is computed once.
torch::Tensor interpret(const Graph& graph, const torch::Tensor& images, const Observe& observe = {});

/// The output of one operation.
torch::Tensor compute(const Op& op, const std::vector<torch::Tensor>& inputs);

}  // namespace assemble
