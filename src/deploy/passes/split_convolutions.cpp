// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "assemble/deploy/passes.h"

namespace assemble {
namespace {

using Parts = std::map<std::tuple<NodeId, int64_t, int64_t>, NodeId>;

bool splits_channels(const Node& node) {
  const auto* slice = node.as<ops::Slice>();
  return slice && slice->dimension == 1 && slice->step == 1;
}

/// Moves splits of channels from behind a convolution or a mean to before it. Parts are made once each, where the whole
/// stood, so that they come before all their readers.
class Splitter {
 public:
  explicit Splitter(const Graph& graph) : graph_(graph), readers_(graph.readers()) {}

  NodeId operator()(Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph_.node(old);
    if (splits_channels(node)) {
      const auto& slice = *node.as<ops::Slice>();
      const int64_t end = slice.begin + node.shape[0];
      if (const auto part = part_of(rewritten, node.inputs[0], inputs[0], slice.begin, end)) return *part;
    }
    if (node.as<ops::Subtract>()) {
      if (const auto difference = subtract(rewritten, node, inputs)) return *difference;
    }
    return copy_node(rewritten, node, inputs);
  }

 private:
  /// Channels begin … end of what the old node `whole` computes, without computing the whole.
  std::optional<NodeId> part_of(Graph& rewritten, NodeId whole, NodeId moved, int64_t begin, int64_t end) {
    const auto key = std::tuple{whole, begin, end};
    if (const auto found = parts_.find(key); found != parts_.end()) return found->second;
    const Node node = rewritten.node(moved);
    const std::string name = node.name + "." + std::to_string(begin / (end - begin));
    if (const auto* conv = node.as<ops::Convolution>(); conv && conv->groups == 1 && only_split(whole)) {
      ops::Convolution part = *conv;
      part.weight = conv->weight.rows(begin, end);
      if (conv->bias.defined()) part.bias = conv->bias.rows(begin, end);
      return parts_[key] = rewritten.add(part, node.inputs, name);
    }
    if (node.as<ops::Mean>()) {
      const NodeId source = graph_.node(whole).inputs[0];
      const auto part = part_of(rewritten, source, node.inputs[0], begin, end);
      if (part) return parts_[key] = rewritten.add(ops::Mean{}, {*part}, name);
    }
    return {};
  }

  /// Whether every reader of a node wants a part of its channels.
  bool only_split(NodeId id) const {
    for (const NodeId reader : readers_[id]) {
      const Node& node = graph_.node(reader);
      if (!splits_channels(node) && !(node.as<ops::Mean>() && only_split(reader))) return false;
    }
    return true;
  }

  /// W1 · x - W2 · x = (W1 - W2) · x
  static std::optional<NodeId> subtract(Graph& rewritten, const Node& node, const std::vector<NodeId>& inputs) {
    const auto* first = rewritten.node(inputs[0]).as<ops::Convolution>();
    const auto* second = rewritten.node(inputs[1]).as<ops::Convolution>();
    if (!first || !second || first->relu || second->relu || first->bias.defined() != second->bias.defined() ||
        rewritten.node(inputs[0]).inputs != rewritten.node(inputs[1]).inputs || first->stride != second->stride ||
        first->groups != second->groups || !(first->padding == second->padding) ||
        first->weight.shape() != second->weight.shape()) {
      return {};
    }
    ops::Convolution difference = *first;
    difference.weight = minus(first->weight, second->weight);
    if (first->bias.defined()) difference.bias = minus(first->bias, second->bias);
    return rewritten.add(difference, rewritten.node(inputs[0]).inputs, node.name);
  }

  static Array minus(const Array& a, const Array& b) {
    std::vector<float> values(a.values().begin(), a.values().end());
    for (size_t i = 0; i < values.size(); ++i) values[i] -= b.values()[i];
    return Array(a.shape(), std::move(values));
  }

  const Graph& graph_;
  const std::vector<std::vector<NodeId>> readers_;
  Parts parts_;
};

}  // namespace

Graph split_convolutions(const Graph& graph) {
  Splitter splitter(graph);
  return rewrite(graph, std::ref(splitter));
}

}  // namespace assemble
