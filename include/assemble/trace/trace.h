// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <functional>

#include "assemble/deploy/graph_text.h"

namespace assemble {

/// A network as a graph, with the names that its weights have in the network.
struct TracedNetwork {
  Graph graph;
  WeightNames names;  ///< of parameters and buffers
};

/// The graph of a network in evaluation mode, as it is written: one node for each operation that LibTorch was asked for
/// while the network ran once. A tweak made of known operations needs no description of its own here.
/// @param forward runs the network: images [N, 3, H, W] to logits [N, classes]
/// @param module  whose parameters it uses; its mode is put back
/// @param image_size side of the input, pixels; the graph is for this size
/// @throws UsageError for a size that the network does not take, or an operation that graphs do not know
TracedNetwork trace(torch::nn::Module& module, const std::function<torch::Tensor(const torch::Tensor&)>& forward,
                    int64_t image_size);

}  // namespace assemble
