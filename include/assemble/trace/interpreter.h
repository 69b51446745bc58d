// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "assemble/deploy/graph.h"

namespace assemble {

/// Called after each node with its output; the inputs are those it was computed from.
using Observe = std::function<void(const Graph& graph, NodeId node, const std::vector<torch::Tensor>& inputs,
                                   const torch::Tensor& output)>;

/// Computes a graph with LibTorch, node by node: the reference that rewrites and engines are held against.
/// @param images as the graph's input says, with any N, on the device of the graph's weights
/// @return logits [N, classes]
torch::Tensor interpret(const Graph& graph, const torch::Tensor& images, const Observe& observe = {});

/// The output of one node.
torch::Tensor compute(const Op& op, const std::vector<torch::Tensor>& inputs);

/// Rounds to 8 bits and back.
torch::Tensor fake_quantise(const torch::Tensor& values, const TensorQuantisation& quantisation);
/// 8-bit weights and the scale of each output channel: the largest |w| divided by 124 … 127, whichever has the least
/// squared error (124 holds the binomial filters exactly).
struct QuantisedWeights {
  torch::Tensor values;  ///< int8, as the weight
  torch::Tensor scales;  ///< [out], f32
};
QuantisedWeights quantise_weights(const torch::Tensor& weight);

/// What a quantised convolution stores. A bias is stored in units of input scale · weight scale. In filters that are
/// (nearly) dead, or behind an input that is, that would not fit into 31 bits: there the weights get larger scales than
/// quantise_weights() gives. The error which that makes stays below 2^-23 of the bias for each weight.
struct QuantisedConvolution {
  QuantisedWeights weights;
  torch::Tensor bias;         ///< [out], int32; undefined without bias
  torch::Tensor bias_scales;  ///< [out], f32
};
QuantisedConvolution quantise_convolution(const ops::Convolution& conv);

}  // namespace assemble
