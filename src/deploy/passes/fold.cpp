// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/passes.h"

namespace assemble {
namespace {

/// Kind of the node that a new graph's node was made from when `reader` alone reads it.
template <typename Kind>
const Kind* only_input(const Graph& graph, const std::vector<std::vector<NodeId>>& readers, NodeId reader,
                       size_t index = 0) {
  const NodeId input = graph.node(reader).inputs.at(index);
  return readers[input].size() == 1 ? graph.node(input).as<Kind>() : nullptr;
}

/// Adds again the node `original` of the new graph with another operation; the first becomes dead.
NodeId replace(Graph& graph, NodeId original, Op op) {
  const Node node = graph.node(original);
  graph.node(original).name += " (replaced)";
  return graph.add(std::move(op), node.inputs, node.name);
}

/// w · scale, bias · scale + shift
ops::Convolution folded(ops::Convolution conv, const ops::BatchNorm& norm) {
  const std::vector<float> scale = norm.scale();
  std::vector<float> bias = norm.shift(), weight;
  weight.reserve(conv.weight.values().size());
  for (size_t c = 0; c < scale.size(); ++c) {
    for (const float w : conv.weight.row(static_cast<int64_t>(c))) weight.push_back(w * scale[c]);
    if (conv.bias.defined()) bias[c] += conv.bias.values()[c] * scale[c];
  }
  conv.weight = Array(conv.weight.shape(), std::move(weight));
  conv.bias = Array({conv.weight.size(0)}, std::move(bias));
  return conv;
}

}  // namespace

Graph fold_batch_norm(const Graph& graph) {
  const auto readers = graph.readers();
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const auto* norm = graph.node(old).as<ops::BatchNorm>();
    if (!norm || !only_input<ops::Convolution>(graph, readers, old)) {
      return copy_node(rewritten, graph.node(old), inputs);
    }
    return replace(rewritten, inputs[0], folded(*rewritten.node(inputs[0]).as<ops::Convolution>(), *norm));
  });
}

Graph fuse_relu(const Graph& graph) {
  const auto readers = graph.readers();
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    if (graph.node(old).as<ops::Relu>()) {
      if (only_input<ops::Convolution>(graph, readers, old)) {
        ops::Convolution conv = *rewritten.node(inputs[0]).as<ops::Convolution>();
        conv.relu = true;
        return replace(rewritten, inputs[0], conv);
      }
      if (only_input<ops::Add>(graph, readers, old)) return replace(rewritten, inputs[0], ops::Add{true});
    }
    return copy_node(rewritten, graph.node(old), inputs);
  });
}

Graph merge_padding(const Graph& graph) {
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    if (const auto* conv = node.as<ops::Convolution>()) {
      const auto* zeros = graph.node(node.inputs[0]).as<ops::Pad>();
      if (!zeros || zeros->mode != ops::PadMode::kZero) return copy_node(rewritten, node, inputs);
      ops::Convolution padded = *conv;
      padded.padding.top += zeros->padding.top;
      padded.padding.left += zeros->padding.left;
      padded.padding.bottom += zeros->padding.bottom;
      padded.padding.right += zeros->padding.right;
      return rewritten.add(std::move(padded), rewritten.node(inputs[0]).inputs, node.name);
    }
    const auto* pool = node.as<ops::AveragePool>();
    const auto* pad = pool ? graph.node(node.inputs[0]).as<ops::Pad>() : nullptr;
    // In windows of 2×2 a repeated last row weighs each existing row twice: the average over existing pixels.
    const bool fits = pad && pad->mode == ops::PadMode::kEdge && pad->padding == Padding{0, 0, 1, 1} &&
                      pool->kernel == 2 && pool->stride == 1 && !pool->padding.any();
    if (!fits) return copy_node(rewritten, node, inputs);
    return rewritten.add(ops::AveragePool{2, 1, pad->padding, false}, rewritten.node(inputs[0]).inputs, node.name);
  });
}

Graph fuse_upsample_add(const Graph& graph) {
  const auto readers = graph.readers();
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    const auto* add = node.as<ops::Add>();
    for (const size_t small : {size_t{0}, size_t{1}}) {
      if (!add || !only_input<ops::Upsample>(graph, readers, old, small)) continue;
      const NodeId source = rewritten.node(inputs[small]).inputs[0];
      return rewritten.add(ops::UpsampleAdd{add->relu}, {source, inputs[1 - small]}, node.name);
    }
    return copy_node(rewritten, node, inputs);
  });
}

Graph pools_as_convolutions(const Graph& graph) {
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    const auto* pool = node.as<ops::AveragePool>();
    if (!pool || !pool->count_padding) return copy_node(rewritten, node, inputs);
    const int64_t channels = node.shape[0], taps = pool->kernel * pool->kernel;
    const std::vector<float> equal(static_cast<size_t>(channels * taps), 1.f / static_cast<float>(taps));
    return rewritten.add(ops::Convolution{.weight = Array({channels, 1, pool->kernel, pool->kernel}, equal),
                                          .bias = {},
                                          .stride = pool->stride,
                                          .groups = channels,
                                          .padding = pool->padding},
                         inputs, node.name);
  });
}

Graph with_preprocessing(const Graph& graph, const Preprocessing& preprocessing) {
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    if (!node.as<ops::Input>()) return copy_node(rewritten, node, inputs);
    const NodeId bytes = rewritten.add_input({.pixels = true}, {node.shape[1], node.shape[2], node.shape[0]});
    return rewritten.add(ops::Normalise{preprocessing.mean, preprocessing.deviation}, {bytes}, "normalised");
  });
}

Graph optimise(const Graph& graph) {
  Graph better = merge_padding(fuse_relu(fold_batch_norm(graph)));
  return fuse_upsample_add(order_projections(split_convolutions(better)));
}

}  // namespace assemble
