// SPDX-License-Identifier: Apache-2.0
#include "activation/split_network.h"

#include <numeric>
#include <optional>

#include "activation/head_pass.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "graph_parts.h"

namespace assemble {
namespace {

struct LastMap {
  NodeId node;
  ActivationMethod method;
};

class MapFinder {
 public:
  MapFinder(const Graph& graph, const std::string& where) : graph_(graph), where_(where) {}

  LastMap find() const {
    NodeId id = graph_.nodes().size() - 1;
    while (true) {
      const Node& node = graph_.node(id);
      if (node.as<ops::Mean>() || node.as<ops::Sum>()) {
        return {before_power(node.inputs[0]), ActivationMethod::kGradCam};
      }
      if (const auto flattened = flattened_map(node)) return {*flattened, ActivationMethod::kHiResCam};
      if (!passes(node)) refuse(node);
      id = node.inputs[0];
    }
  }

 private:
  /// Generalised mean pooling clips the map and takes its power.
  NodeId before_power(NodeId pooled) const {
    if (!graph_.node(pooled).as<ops::Power>()) return pooled;
    const NodeId clipped = graph_.node(pooled).inputs[0];
    return graph_.node(clipped).as<ops::Clamp>() ? graph_.node(clipped).inputs[0] : clipped;
  }

  std::optional<NodeId> flattened_map(const Node& node) const {
    if (!node.as<ops::Reshape>()) return {};
    const Node& input = graph_.node(node.inputs[0]);
    if (input.as<ops::Transpose>()) return input.inputs[0];
    const std::vector<int64_t>& shape = input.shape;
    const bool is_map = shape.size() == 3 && shape[0] > 1 && shape[1] * shape[2] > 1;
    return is_map ? std::optional(node.inputs[0]) : std::nullopt;
  }

  /// Operations between pooling and logits.
  bool passes(const Node& node) const {
    if (node.inputs.empty()) return false;
    const auto* conv = node.as<ops::Convolution>();
    return node.as<ops::Reshape>() || node.as<ops::Relu>() || node.as<ops::Scale>() || node.as<ops::Clamp>() ||
           node.as<ops::Power>() || node.as<ops::BatchNorm>() || has_unit_length(graph_, node) ||
           (conv && is_dense(*conv, graph_.node(node.inputs[0])));
  }

  [[noreturn]] void refuse(const Node& node) const {
    throw InputError(where_,
                     concat("its classes cannot be looked for: '", node.name, "' (", op_name(node.op),
                            ") stands where its last feature map should be pooled or flattened"),
                     "networks are explained that end in a mean over the map, or a flattened map, and dense layers");
  }

  const Graph& graph_;
  const std::string& where_;
};

/// What the logits are computed from once the map is known.
Graph head_of(const Graph& graph, NodeId map, const std::string& where) {
  Graph head;
  std::vector<std::optional<NodeId>> moved(graph.nodes().size());
  moved[map] = head.add_input({}, graph.node(map).shape);
  for (NodeId id = map + 1; id < graph.nodes().size(); ++id) {
    const Node& node = graph.node(id);
    std::vector<NodeId> inputs;
    for (const NodeId input : node.inputs) {
      if (moved[input]) inputs.push_back(*moved[input]);
    }
    if (inputs.size() == node.inputs.size()) moved[id] = copy_node(head, node, inputs);
  }
  if (!moved.back()) {
    throw InputError(where, concat("its classes cannot be looked for: its logits depend on more than '",
                                   graph.node(map).name, "', the last feature map"));
  }
  return remove_dead(head);
}

/// The module that a selective kernel's weights are computed in: they come from its last layer, fc_select.
std::string block_of(const Graph& graph, NodeId weights) {
  NodeId id = weights;
  while (!graph.node(id).inputs.empty()) {
    const std::string& name = graph.node(id).name;
    const size_t end = name.rfind(".fc_");
    if (graph.node(id).as<ops::Convolution>() && end != std::string::npos) return name.substr(0, end);
    id = graph.node(id).inputs[0];
  }
  return graph.node(weights).name;
}

}  // namespace

SplitNetwork split_network(const Graph& graph, const std::string& where) {
  const LastMap map = MapFinder(graph, where).find();
  if (graph.node(map.node).shape.size() != 3) {
    throw InputError(where, concat("its classes cannot be looked for: '", graph.node(map.node).name, "' is no map"));
  }
  SplitNetwork parts{ending_at(graph, map.node), head_of(graph, map.node, where), map.method};
  require_differentiable(parts.head, where);
  return parts;
}

std::vector<SelectiveKernelNode> find_selective_kernels(const Graph& graph) {
  std::vector<SelectiveKernelNode> found;
  for (const Node& node : graph.nodes()) {
    if (node.as<ops::Mix>()) found.push_back({block_of(graph, node.inputs[2]), node.inputs[2]});
  }
  return found;
}

double mean_weight(std::span<const float> weights) {
  return std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
}

}  // namespace assemble
