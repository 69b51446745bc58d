// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/graph.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/overloaded.h"
#include "assemble/core/text.h"
#include "graph_parts.h"

namespace assemble {
namespace {

using Shape = std::vector<int64_t>;

/// No network has sides or channels of this many, nor padding: larger ones come from damaged files.
constexpr int64_t kLongestSide = int64_t{1} << 24;
constexpr int64_t kLargestMap = int64_t{1} << 31;

[[noreturn]] void misfit(const std::string& what) { throw InputError("", what); }

void require(bool fits, const std::string& what) {
  if (!fits) misfit(what);
}

void require_padding(const Padding& padding) {
  const bool fits = std::min({padding.top, padding.left, padding.bottom, padding.right}) >= 0 &&
                    std::max({padding.top, padding.left, padding.bottom, padding.right}) <= kLongestSide;
  require(fits, "its padding is out of range");
}

int64_t pooled(int64_t size, int64_t before, int64_t after, int64_t kernel, int64_t stride) {
  const int64_t room = size + before + after - kernel;
  require(room >= 0, concat("a window of ", kernel, " is larger than its input of ", size));
  return room / stride + 1;
}

void require_map(const Shape& in) { require(in.size() == 3, concat("its input ", show_shape(in), " is no map")); }

Shape windows(const Shape& in, int64_t channels, const Padding& padding, int64_t height, int64_t width,
              int64_t stride) {
  require_map(in);
  require_padding(padding);
  for (const int64_t extent : {height, width, stride}) {
    require(extent >= 1 && extent <= kLongestSide, "window or stride is below 1");
  }
  return {channels, pooled(in[1], padding.top, padding.bottom, height, stride),
          pooled(in[2], padding.left, padding.right, width, stride)};
}

Shape windows(const Shape& in, int64_t channels, const Padding& padding, int64_t kernel, int64_t stride) {
  return windows(in, channels, padding, kernel, kernel, stride);
}

Shape convolved(const ops::Convolution& conv, const Shape& in) {
  require_map(in);
  const Shape& weight = conv.weight.shape();
  require(conv.weight.defined() && weight.size() == 4 && weight[0] >= 1,
          concat("weights of shape ", show_shape(weight), " are no filters"));
  require(conv.groups >= 1 && weight[0] % conv.groups == 0 && weight[1] * conv.groups == in[0],
          concat("filters ", show_shape(weight), " in ", conv.groups, " groups do not take ", in[0], " channels"));
  require(!conv.bias.defined() || conv.bias.count() == weight[0],
          concat("a bias of ", conv.bias.count(), " values for ", weight[0], " channels"));
  return windows(in, weight[0], conv.padding, weight[2], weight[3], conv.stride);
}

Shape normed(const ops::BatchNorm& norm, const Shape& in) {
  require_map(in);
  for (const Array& values : {norm.weight, norm.bias, norm.mean, norm.variance}) {
    require(values.defined() && values.count() == in[0], concat("holds other than ", in[0], " values a channel"));
  }
  return in;
}

Shape padded(const ops::Pad& pad, const Shape& in) {
  Shape out = windows(in, in.at(0), pad.padding, 1, 1);
  const Padding& p = pad.padding;
  const bool mirrors =
      pad.mode != ops::PadMode::kReflect || (std::max(p.top, p.bottom) < in[1] && std::max(p.left, p.right) < in[2]);
  require(mirrors, concat("mirrors more than there is of ", show_shape(in)));
  return out;
}

Shape sliced(const ops::Slice& slice, const Shape& in) {
  require(slice.dimension >= 1 && slice.dimension <= static_cast<int64_t>(in.size()) && slice.step >= 1,
          "a slice of no dimension");
  Shape shape = in;
  int64_t& size = shape[static_cast<size_t>(slice.dimension - 1)];
  const int64_t end = std::min(slice.end, size);
  require(slice.begin >= 0 && slice.begin < end, concat("slices ", slice.begin, " … ", slice.end, " of ", size));
  size = (end - slice.begin - 1) / slice.step + 1;
  return shape;
}

Shape transposed(const ops::Transpose& transpose, const Shape& in) {
  Shape sorted = transpose.order, shape;
  std::sort(sorted.begin(), sorted.end());
  bool permutes = sorted.size() == in.size() + 1 && transpose.order.front() == 0;
  for (size_t i = 0; permutes && i < sorted.size(); ++i) permutes = sorted[i] == static_cast<int64_t>(i);
  require(permutes, "its order of dimensions is none");
  for (size_t i = 1; i < transpose.order.size(); ++i) shape.push_back(in[static_cast<size_t>(transpose.order[i] - 1)]);
  return shape;
}

/// Values of one image, bounded. @throws InputError for extents below 1 or too many
int64_t volume(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    require(extent >= 1 && extent <= kLongestSide, concat("a tensor of shape ", show_shape(shape)));
    count *= extent;
    require(count <= kLargestMap, concat("a tensor of shape ", show_shape(shape), " is too large"));
  }
  return count;
}

Shape reshaped(const ops::Reshape& reshape, const Shape& in) {
  require(volume(reshape.sizes) == volume(in), concat(show_shape(in), " cannot become ", show_shape(reshape.sizes)));
  return reshape.sizes;
}

bool one_a_channel(const Shape& shape, const Shape& map) { return map.size() == 3 && shape == Shape{map[0], 1, 1}; }

Shape of_one_shape(const Shape& a, const Shape& b) {
  require(a == b, concat("its inputs are ", show_shape(a), " and ", show_shape(b)));
  return a;
}

Shape upsampled(const Shape& in) {
  require_map(in);
  return {in[0], 2 * in[1], 2 * in[2]};
}

size_t input_count(const Op& op) {
  return std::visit(
      Overloaded{[](const ops::Input&) { return size_t{0}; }, [](const ops::Add&) { return size_t{2}; },
                 [](const ops::Subtract&) { return size_t{2}; }, [](const ops::Multiply&) { return size_t{2}; },
                 [](const ops::UpsampleAdd&) { return size_t{2}; }, [](const ops::Mix&) { return size_t{3}; },
                 [](const auto&) { return size_t{1}; }},
      op);
}

Shape output_shape(const Op& op, const std::vector<Shape>& inputs) {
  const Shape& in = inputs.at(0);
  return std::visit(
      Overloaded{
          [&](const ops::Normalise&) {
            require(in.size() == 3 && in[2] == Images::kChannels, "pixels are [H, W, 3]");
            return Shape{in[2], in[0], in[1]};
          },
          [&](const ops::Convolution& conv) { return convolved(conv, in); },
          [&](const ops::BatchNorm& norm) { return normed(norm, in); },
          [&](const ops::Add&) { return of_one_shape(in, inputs[1]); },
          [&](const ops::Subtract&) { return of_one_shape(in, inputs[1]); },
          [&](const ops::Multiply&) { return one_a_channel(inputs[1], in) ? in : of_one_shape(in, inputs[1]); },
          [&](const ops::Mix&) {
            const Shape shape = of_one_shape(in, inputs[1]);
            require(one_a_channel(inputs[2], shape), "its weights are not one a channel");
            return shape;
          },
          [&](const ops::MaxPool& pool) { return windows(in, in.at(0), pool.padding, pool.kernel, pool.stride); },
          [&](const ops::AveragePool& pool) { return windows(in, in.at(0), pool.padding, pool.kernel, pool.stride); },
          [&](const ops::Pad& pad) { return padded(pad, in); },
          [&](const ops::Mean&) {
            require_map(in);
            return Shape{in[0], 1, 1};
          },
          [&](const ops::Sum&) {
            require_map(in);
            return Shape{in[0], 1, 1};
          },
          [&](const ops::Upsample&) { return upsampled(in); },
          [&](const ops::UpsampleAdd&) { return of_one_shape(upsampled(in), inputs[1]); },
          [&](const ops::Slice& slice) { return sliced(slice, in); },
          [&](const ops::Transpose& transpose) { return transposed(transpose, in); },
          [&](const ops::Reshape& reshape) { return reshaped(reshape, in); },
          [&](const auto&) { return in; },
      },
      op);
}

/// Writes out what ceil_mode pads at the end.
template <typename Pool>
void complete_padding(Pool& pool, const Shape& in) {
  if (!pool.ceil_mode) return;
  require_map(in);
  require_padding(pool.padding);
  require(pool.kernel >= 1 && pool.stride >= 1, "window or stride is below 1");
  const auto missing = [&](int64_t size, int64_t around) {
    const int64_t room = size + 2 * around - pool.kernel, over = room % pool.stride;
    const bool sees_none = (room / pool.stride + 1) * pool.stride >= size + around;  // the window that would be added
    return over <= 0 || sees_none ? around : around + pool.stride - over;
  };
  pool.padding.bottom = missing(in[1], pool.padding.top);
  pool.padding.right = missing(in[2], pool.padding.left);
}

void complete_padding(Op& op, const Shape& in) {
  if (auto* pool = std::get_if<ops::MaxPool>(&op)) complete_padding(*pool, in);
  if (auto* pool = std::get_if<ops::AveragePool>(&op)) complete_padding(*pool, in);
}

}  // namespace

std::vector<float> ops::BatchNorm::scale() const {
  std::vector<float> scales;
  for (size_t c = 0; c < variance.values().size(); ++c) {
    scales.push_back(weight.values()[c] * (1 / std::sqrt(variance.values()[c] + static_cast<float>(epsilon))));
  }
  return scales;
}

std::vector<float> ops::BatchNorm::shift() const {
  const std::vector<float> scales = scale();
  std::vector<float> shifts;
  for (size_t c = 0; c < scales.size(); ++c) shifts.push_back(bias.values()[c] - mean.values()[c] * scales[c]);
  return shifts;
}

NodeId Graph::add_input(const ops::Input& input, std::vector<int64_t> shape) {
  if (!nodes_.empty()) throw UsageError("graph", "has one input, its first node");
  try {
    volume(shape);
  } catch (const InputError& error) {
    throw InputError("graph input", error.what());
  }
  nodes_.push_back({input, {}, std::move(shape), "images"});
  return 0;
}

NodeId Graph::add(Op op, std::vector<NodeId> inputs, const std::string& name) {
  const std::string wanted = name.empty() ? concat(op_name(op), "_", nodes_.size()) : name;
  Node added{std::move(op), std::move(inputs), {}, wanted};
  try {
    std::vector<Shape> shapes;
    for (const NodeId id : added.inputs) {
      require(id < nodes_.size(), "reads a node that is not before it");
      shapes.push_back(nodes_[id].shape);
    }
    require(!shapes.empty() && shapes.size() == input_count(added.op), "has another number of inputs");
    complete_padding(added.op, shapes[0]);
    added.shape = output_shape(added.op, shapes);
    volume(added.shape);
  } catch (const InputError& error) {
    throw InputError(concat("graph node '", wanted, "' (", op_name(added.op), ")"), error.what());
  }
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

int64_t Graph::outputs() const {
  const Shape& shape = output().shape;
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

int64_t Graph::multiply_adds() const {
  int64_t total = 0;
  for (const Node& node : nodes_) {
    const auto* conv = node.as<ops::Convolution>();
    if (conv) total += conv->weight.count() * node.shape[1] * node.shape[2];
  }
  return total;
}

const char* op_name(const Op& op) {
  static constexpr std::array<const char*, std::variant_size_v<Op>> kNames{
      "Input",    "Normalise",   "Convolution", "BatchNorm", "Relu",    "Sigmoid",  "Add",      "Subtract", "Multiply",
      "Mix",      "MaxPool",     "AveragePool", "Pad",       "Mean",    "Sum",      "Clamp",    "Power",    "Scale",
      "Upsample", "UpsampleAdd", "Slice",       "Transpose", "Reshape", "Quantise", "Embedding"};
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
  if (moved.back() + 1 != rewritten.nodes().size()) throw UsageError("rewrite", "has to put the output last");
  return remove_dead(rewritten);
}

Graph at_size(const Graph& graph, int64_t height, int64_t width) {
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const Node& node = graph.node(old);
    const auto* input = node.as<ops::Input>();
    if (!input) return copy_node(rewritten, node, inputs);
    const std::vector<int64_t> shape =
        input->pixels ? std::vector{height, width, node.shape.at(2)} : std::vector{node.shape.at(0), height, width};
    return rewritten.add_input(*input, shape);
  });
}

bool has_unit_length(const Graph& graph, const Node& node) {
  if (!node.as<ops::Multiply>()) return false;
  const auto* power = graph.node(node.inputs[1]).as<ops::Power>();
  return power && power->exponent == -0.5;
}

Graph ending_at(const Graph& graph, NodeId end) {
  Graph cut;
  std::vector<NodeId> moved;
  for (NodeId id = 0; id <= end; ++id) {
    std::vector<NodeId> inputs;
    for (const NodeId input : graph.node(id).inputs) inputs.push_back(moved[input]);
    moved.push_back(copy_node(cut, graph.node(id), inputs));
  }
  return remove_dead(cut);
}

namespace {

/// The node that gives embeddings, perhaps in another shape.
NodeId find_embedding(const Graph& graph) {
  NodeId end = graph.nodes().size() - 1;
  const auto passes = [&](NodeId id) {
    const Node& node = graph.node(id);
    return node.as<ops::Reshape>() || node.as<ops::Relu>() || has_unit_length(graph, node);
  };
  while (passes(end) || graph.node(end).as<ops::Scale>()) end = graph.node(end).inputs[0];
  if (!graph.node(end).as<ops::Convolution>()) {
    throw UsageError("embedding", concat("the graph ends in ", graph.node(end).name, ", expected a dense layer"));
  }
  end = graph.node(end).inputs[0];
  while (passes(end)) end = graph.node(end).inputs[0];
  return end;
}

}  // namespace

Graph with_embedding(const Graph& graph) {
  const NodeId end = find_embedding(graph);
  return rewrite(graph, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
    const NodeId copy = copy_node(rewritten, graph.node(old), inputs);
    if (old != end) return copy;
    const Shape shape = rewritten.node(copy).shape;
    const NodeId flat = shape.size() == 1 ? copy : rewritten.add(ops::Reshape{{volume(shape)}}, {copy});
    rewritten.add(ops::Embedding{}, {flat}, "embedding");
    return copy;
  });
}

Graph embedding_of(const Graph& graph) {
  Graph cut = ending_at(graph, find_embedding(graph));
  const Shape& shape = cut.output().shape;
  if (shape.size() != 1) cut.add(ops::Reshape{{volume(shape)}}, {cut.nodes().size() - 1}, "embedding");
  return cut;
}

Graph remove_dead(const Graph& graph) {
  std::vector<bool> alive(graph.nodes().size(), false);
  alive.front() = alive.back() = true;
  for (NodeId id = graph.nodes().size(); id-- > 0;) {
    if (graph.node(id).as<ops::Embedding>()) alive[id] = true;
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
