// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "assemble/deploy/passes.h"

namespace assemble {
namespace {

bool is_projection(const ops::Convolution* conv) {
  return conv && conv->weight.size(2) == 1 && conv->weight.size(3) == 1 && conv->stride == 1 && conv->groups == 1 &&
         !conv->relu;
}

/// The same filter for every channel, whose weights sum to one: a constant passes it unchanged where nothing is padded
/// with zeros.
bool is_blur(const ops::Convolution* conv) {
  if (!conv || conv->groups != conv->weight.size(0) || conv->relu || conv->bias.defined() || conv->padding.any()) {
    return false;
  }
  const std::span<const float> first = conv->weight.row(0);
  for (int64_t c = 1; c < conv->weight.size(0); ++c) {
    if (!std::ranges::equal(conv->weight.row(c), first)) return false;
  }
  return std::abs(std::accumulate(first.begin(), first.end(), 0.0) - 1) < 1e-6;
}

bool keeps_constants(const ops::AveragePool* pool) { return pool && (!pool->padding.any() || !pool->count_padding); }

/// The first of the filters for each of `channels`.
Array repeated(const Array& filters, int64_t channels) {
  const std::span<const float> filter = filters.row(0);
  std::vector<float> values;
  for (int64_t c = 0; c < channels; ++c) values.insert(values.end(), filter.begin(), filter.end());
  return Array({channels, 1, filters.size(2), filters.size(3)}, std::move(values));
}

int64_t pixels(const Node& node) { return node.shape.at(1) * node.shape.at(2); }

}  // namespace

Graph order_projections(const Graph& graph) {
  const auto readers = graph.readers();
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    const auto* blur = node.as<ops::Convolution>();
    const bool filters = is_blur(blur) || keeps_constants(node.as<ops::AveragePool>());
    if (!filters || readers[node.inputs[0]].size() != 1) return copy_node(rewritten, node, inputs);

    // projection → filter, or projection → mirrored edge → filter
    const Node& before = graph.node(node.inputs[0]);
    const auto* pad = before.as<ops::Pad>();
    const NodeId projection = pad ? before.inputs[0] : node.inputs[0];
    const auto* conv = graph.node(projection).as<ops::Convolution>();
    const bool alone = readers[projection].size() == 1;
    if (!is_projection(conv) || !alone) return copy_node(rewritten, node, inputs);

    const int64_t out = conv->weight.size(0), in = conv->weight.size(1);
    const int64_t taps = blur ? blur->weight.size(2) * blur->weight.size(3) : 1;
    const int64_t now = out * in * pixels(graph.node(projection)) + out * taps * pixels(node);
    const int64_t then = in * taps * pixels(node) + out * in * pixels(node);
    if (then >= now) return copy_node(rewritten, node, inputs);

    NodeId source =
        pad ? rewritten.node(rewritten.node(inputs[0]).inputs[0]).inputs[0] : rewritten.node(inputs[0]).inputs[0];
    if (pad) source = rewritten.add(*pad, {source});
    Op filter = node.op;
    if (blur) {
      ops::Convolution narrow = *blur;
      narrow.groups = in;
      narrow.weight = repeated(blur->weight, in);
      filter = narrow;
    }
    source = rewritten.add(filter, {source});
    return rewritten.add(*conv, {source}, node.name);
  });
}

}  // namespace assemble
