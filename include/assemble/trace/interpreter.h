// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <functional>
#include <optional>
#include <vector>

#include "assemble/deploy/graph.h"

namespace assemble {

/// Called after each node with its output; the inputs are those it was computed from.
using Observe = std::function<void(const Graph& graph, NodeId node, const std::vector<torch::Tensor>& inputs,
                                   const torch::Tensor& output)>;

/// A node's weights as LibTorch takes them: of a convolution, or scale and shift of a batch norm.
struct NodeWeights {
  torch::Tensor weight, bias;
};

/// relu(convolution + bias + added), as one kernel of a device takes it: every tensor of one type, in channels_last
/// memory.
struct FusedConvolution {
  torch::Tensor input, weight, bias;
  torch::Tensor added;  ///< undefined: nothing
  std::vector<int64_t> stride, padding;
};

/// What computes them, and in which type.
struct FusedKernel {
  std::function<torch::Tensor(const FusedConvolution&)> compute;
  torch::ScalarType type = torch::kFloat;
};

/// Computes a graph with LibTorch, node by node: the reference that rewrites and engines are held against.
class Interpreter {
 public:
  /// @param fused computes convolutions that end in a ReLU or a sum with one; nothing: they are computed step by step
  explicit Interpreter(const Graph& graph, torch::Device device = torch::kCPU, const FusedKernel& fused = {});
  /// @param images as the graph's input says, with any N, on the interpreter's device
  /// @param observe not with a fused kernel, which leaves outputs out
  /// @return logits [N, classes]
  torch::Tensor run(const torch::Tensor& images, const Observe& observe = {}) const;
  const Graph& graph() const { return graph_; }

 private:
  void prepare_fused(NodeId id);
  torch::Tensor run_fused(NodeId conv, const torch::Tensor& input, const torch::Tensor& added) const;

  Graph graph_;
  FusedKernel fused_;
  std::vector<std::optional<NodeId>> summed_;  // of each sum, the convolution that is computed with it
  std::vector<NodeWeights> weights_;
};

/// The same for a graph that is computed once.
torch::Tensor interpret(const Graph& graph, const torch::Tensor& images, const Observe& observe = {});

/// The output of one operation.
torch::Tensor compute(const Op& op, const std::vector<torch::Tensor>& inputs);

}  // namespace assemble
