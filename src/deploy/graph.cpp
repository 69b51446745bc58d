// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/graph.h"

#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/overloaded.h"

namespace assemble {
namespace {

using Shape = std::vector<int64_t>;

int64_t pooled(int64_t size, int64_t before, int64_t after, int64_t kernel, int64_t stride) {
  return (size + before + after - kernel) / stride + 1;
}

Shape windows(const Shape& in, int64_t channels, const Padding& padding, int64_t kernel, int64_t stride) {
  return {channels, pooled(in.at(1), padding.top, padding.bottom, kernel, stride),
          pooled(in.at(2), padding.left, padding.right, kernel, stride)};
}

Shape output_shape(const Op& op, const Shape& in, const std::vector<Shape>& inputs) {
  return std::visit(
      Overloaded{
          [&](const ops::Normalise&) {
            return Shape{in.at(2), in.at(0), in.at(1)};
          },
          [&](const ops::Convolution& conv) {
            return windows(in, conv.weight.size(0), conv.padding, conv.weight.size(2), conv.stride);
          },
          [&](const ops::MaxPool& pool) { return windows(in, in.at(0), pool.padding, pool.kernel, pool.stride); },
          [&](const ops::AveragePool& pool) { return windows(in, in.at(0), pool.padding, pool.kernel, pool.stride); },
          [&](const ops::Pad& pad) { return windows(in, in.at(0), pad.padding, 1, 1); },
          [&](const ops::Mean&) {
            return Shape{in.at(0), 1, 1};
          },
          [&](const ops::Sum&) {
            return Shape{in.at(0), 1, 1};
          },
          [&](const ops::Upsample&) {
            return Shape{in.at(0), 2 * in.at(1), 2 * in.at(2)};
          },
          [&](const ops::UpsampleAdd&) { return inputs.at(1); },
          [&](const ops::Slice& slice) {
            Shape shape = in;
            int64_t& size = shape.at(static_cast<size_t>(slice.dimension - 1));
            size = (std::min(slice.end, size) - slice.begin + slice.step - 1) / slice.step;
            return shape;
          },
          [&](const ops::Transpose& transpose) {
            Shape shape;
            for (size_t i = 1; i < transpose.order.size(); ++i) {
              shape.push_back(in.at(static_cast<size_t>(transpose.order[i] - 1)));
            }
            return shape;
          },
          [&](const ops::Reshape& reshape) { return reshape.sizes; },
          [&](const auto&) { return in; },
      },
      op);
}

}  // namespace

NodeId Graph::add_input(const ops::Input& input, std::vector<int64_t> shape) {
  TORCH_CHECK(nodes_.empty(), "a graph has one input, its first node");
  nodes_.push_back({input, {}, std::move(shape), "images"});
  return 0;
}

NodeId Graph::add(Op op, std::vector<NodeId> inputs, const std::string& name) {
  std::vector<Shape> shapes;
  for (const NodeId id : inputs) shapes.push_back(node(id).shape);
  Node added{std::move(op), std::move(inputs), {}, ""};
  added.shape = output_shape(added.op, shapes.at(0), shapes);
  const std::string wanted = name.empty() ? concat(op_name(added.op), "_", nodes_.size()) : name;
  added.name = wanted;
  const auto taken = [&](const std::string& text) {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& other) { return other.name == text; });
  };
  for (int number = 2; taken(added.name); ++number) added.name = concat(wanted, "_", number);
  nodes_.push_back(std::move(added));
  return nodes_.size() - 1;
}

std::vector<std::vector<NodeId>> Graph::readers() const {
  std::vector<std::vector<NodeId>> readers(nodes_.size());
  for (NodeId id = 0; id < nodes_.size(); ++id) {
    for (const NodeId input : nodes_[id].inputs) readers[input].push_back(id);
  }
  return readers;
}

int64_t Graph::multiply_adds() const {
  int64_t total = 0;
  for (const Node& node : nodes_) {
    const auto* conv = node.as<ops::Convolution>();
    if (conv) total += conv->weight.numel() * node.shape[1] * node.shape[2];
  }
  return total;
}

const char* op_name(const Op& op) {
  static constexpr std::array<const char*, std::variant_size_v<Op>> kNames{
      "Input",    "Normalise", "Convolution", "Affine",      "Relu",  "Sigmoid",   "Add",     "Subtract",
      "Multiply", "Mix",       "MaxPool",     "AveragePool", "Pad",   "Mean",      "Sum",     "Clamp",
      "Power",    "Scale",     "Upsample",    "UpsampleAdd", "Slice", "Transpose", "Reshape", "Quantise"};
  return kNames[op.index()];
}

NodeId copy_node(Graph& rewritten, const Node& node, const std::vector<NodeId>& inputs) {
  if (const auto* input = node.as<ops::Input>()) return rewritten.add_input(*input, node.shape);
  return rewritten.add(node.op, inputs, node.name);
}

Graph rewrite(const Graph& graph, const RewriteNode& rewrite_node) {
  Graph rewritten;
  std::vector<NodeId> moved;
  for (NodeId id = 0; id < graph.nodes().size(); ++id) {
    std::vector<NodeId> inputs;
    for (const NodeId input : graph.node(id).inputs) inputs.push_back(moved[input]);
    moved.push_back(rewrite_node(rewritten, id, inputs));
  }
  TORCH_CHECK(moved.back() + 1 == rewritten.nodes().size(), "a rewrite has to put the output last");
  return remove_dead(rewritten);
}

Graph remove_dead(const Graph& graph) {
  std::vector<bool> alive(graph.nodes().size(), false);
  alive.front() = alive.back() = true;
  for (NodeId id = graph.nodes().size(); id-- > 0;) {
    if (!alive[id]) continue;
    for (const NodeId input : graph.node(id).inputs) alive[input] = true;
  }
  Graph kept;
  std::vector<NodeId> moved(graph.nodes().size());
  for (NodeId id = 0; id < graph.nodes().size(); ++id) {
    if (!alive[id]) continue;
    std::vector<NodeId> inputs;
    for (const NodeId input : graph.node(id).inputs) inputs.push_back(moved[input]);
    moved[id] = copy_node(kept, graph.node(id), inputs);
  }
  return kept;
}

}  // namespace assemble
