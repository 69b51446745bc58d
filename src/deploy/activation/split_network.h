// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/class_activation.h"

namespace assemble {

/// A network in two parts.
struct SplitNetwork {
  Graph trunk;  ///< ends in the last feature map
  Graph head;   ///< begins with it: pooling, embedding, classifier
  ActivationMethod method = ActivationMethod::kGradCam;
};

/// @param graph as it is traced
/// @throws InputError, naming `where` and the node, when it does not end in a pooled or flattened map and dense layers
SplitNetwork split_network(const Graph& graph, const std::string& where);

/// A selective kernel of a graph: where the weight of its first half is computed.
struct SelectiveKernelNode {
  std::string block;
  NodeId weights;
};
std::vector<SelectiveKernelNode> find_selective_kernels(const Graph& graph);
/// Over the channels.
double mean_weight(std::span<const float> weights);

}  // namespace assemble
