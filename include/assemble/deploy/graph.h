// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "assemble/deploy/array.h"

namespace assemble {

/// Pixels added on each side.
struct Padding {
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  bool any() const { return top != 0 || left != 0 || bottom != 0 || right != 0; }
  bool operator==(const Padding&) const = default;
};

/// How a tensor is stored in 8 bits: value ≈ scale · q, with q in 0 … 255, or in -128 … 127 when signed.
struct TensorQuantisation {
  float scale = 1;
  bool is_signed = false;
};

/// The operations of an inference graph. Feature maps are [N, C, H, W]; N is free, C, H and W are fixed.
namespace ops {

/// The graph's input: [N, 3, H, W] f32 as the network takes it; with `pixels` [N, H, W, 3] bytes of RGB.
struct Input {
  bool pixels = false;
};
/// Bytes [N, H, W, 3] to [N, 3, H, W]: (x - mean) / deviation.
struct Normalise {
  std::array<float, 3> mean{}, deviation{};
};
/// Zero padding, convolution, bias, and ReLU when asked. Also the dense layer, on [N, C, 1, 1].
struct Convolution {
  Array weight;  ///< [out, in / groups, height, width]
  Array bias;    ///< [out], or undefined
  int64_t stride = 1;
  int64_t groups = 1;
  Padding padding;
  bool relu = false;
  bool quantised = false;  ///< weights are stored in 8 bits, a scale for each output channel
  float input_scale = 0;   ///< when quantised: of the 8-bit values that it reads; 0: not known, so it has no bias
};
/// y = weight · (x - mean) / √(variance + epsilon) + bias, a value a channel: a batch norm that is not folded.
struct BatchNorm {
  Array weight, bias, mean, variance;  ///< [C]
  double epsilon = 1e-5;

  /// The same as y = scale · x + shift.
  std::vector<float> scale() const;
  std::vector<float> shift() const;
};
struct Relu {};
struct Sigmoid {};
/// Sum of two tensors of one shape, and ReLU when asked.
struct Add {
  bool relu = false;
};
struct Subtract {};
/// Product; the second may be [N, C, 1, 1].
struct Multiply {};
/// inputs a, b, w: a + w · (b - a); w is [N, C, 1, 1].
struct Mix {};
/// Windows beyond the edge see minus infinity.
struct MaxPool {
  int64_t kernel = 1, stride = 1;
  Padding padding;
  bool ceil_mode = false;  ///< so much is padded below and to the right that windows cover every pixel: see add()
};
/// Zeros beyond the edge count, or only pixels that exist do.
struct AveragePool {
  int64_t kernel = 1, stride = 1;
  Padding padding;
  bool count_padding = true;
  bool ceil_mode = false;  ///< as MaxPool's
};
enum class PadMode { kReflect, kEdge, kZero };
/// Mirrors without repeating the edge, repeats the edge, or adds zeros.
struct Pad {
  Padding padding;
  PadMode mode = PadMode::kReflect;
};
/// Mean over height and width: [N, C, 1, 1].
struct Mean {};
/// Sum over height and width: [N, C, 1, 1].
struct Sum {};
struct Clamp {
  double min = 0, max = 0;
};
struct Power {
  double exponent = 1;
};
struct Scale {
  double factor = 1;
};
/// Each pixel becomes 2×2.
struct Upsample {};
/// inputs a [N, C, H, W] and b [N, C, 2H, 2W]: Upsample(a) + b, and ReLU when asked, in one step.
struct UpsampleAdd {
  bool relu = false;
};
/// begin, begin + step, … below end, in one dimension; kToEnd takes all there are.
struct Slice {
  static constexpr int64_t kToEnd = std::numeric_limits<int64_t>::max();
  int64_t dimension = 1, begin = 0, end = 0, step = 1;
};
struct Transpose {
  std::vector<int64_t> order;
};
/// The sizes after the first one, which is N.
struct Reshape {
  std::vector<int64_t> sizes;
};
/// Rounds to 8 bits and back: what follows sees the rounded values.
struct Quantise {
  TensorQuantisation quantisation;
};
/// Embeddings [N, E], which the graph gives beside its logits. Rewrites keep it, though nothing reads it.
struct Embedding {};

}  // namespace ops

using Op = std::variant<ops::Input, ops::Normalise, ops::Convolution, ops::BatchNorm, ops::Relu, ops::Sigmoid, ops::Add,
                        ops::Subtract, ops::Multiply, ops::Mix, ops::MaxPool, ops::AveragePool, ops::Pad, ops::Mean,
                        ops::Sum, ops::Clamp, ops::Power, ops::Scale, ops::Upsample, ops::UpsampleAdd, ops::Slice,
                        ops::Transpose, ops::Reshape, ops::Quantise, ops::Embedding>;

using NodeId = size_t;

struct Node {
  Op op;
  std::vector<NodeId> inputs;
  std::vector<int64_t> shape;  ///< of the output, without N
  std::string name;            ///< unique in the graph; a convolution has its module's, such as layer1.0.conv1

  template <typename Kind>
  const Kind* as() const {
    return std::get_if<Kind>(&op);
  }
};

/// An inference network as a list of nodes in order of computation. The first is the input, the last the logits
/// [N, classes].
class Graph {
 public:
  /// @param inputs nodes that are there already
  /// @param name made unique by a number when it is taken; empty: named after the operation
  /// @return the new node's number; its shape is worked out here, and with ceil_mode a pooling's padding at the end
  /// @throws InputError naming the node when the operation does not fit its inputs
  NodeId add(Op op, std::vector<NodeId> inputs, const std::string& name = "");
  /// As add(), for the first node, whose shape cannot be worked out.
  NodeId add_input(const ops::Input& input, std::vector<int64_t> shape);

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_.at(id); }
  Node& node(NodeId id) { return nodes_.at(id); }
  const Node& input() const { return nodes_.front(); }
  const Node& output() const { return nodes_.back(); }
  /// Values that the output has for one image.
  int64_t outputs() const;
  /// For each node, the nodes that read it.
  std::vector<std::vector<NodeId>> readers() const;
  /// Multiply-adds of its convolutions for one image.
  int64_t multiply_adds() const;

 private:
  std::vector<Node> nodes_;
};

/// Name of an operation, for example "Convolution".
const char* op_name(const Op& op);

/// Copies a graph node by node, giving each a chance to be replaced. Nodes that nothing reads any more are left out.
/// @param rewrite gets the new graph, the old node and its inputs' numbers in the new graph; returns the number, in the
///        new graph, of what takes its place
using RewriteNode = std::function<NodeId(Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs)>;
Graph rewrite(const Graph& graph, const RewriteNode& rewrite_node);
/// What a rewrite does with a node that it leaves as it is.
NodeId copy_node(Graph& rewritten, const Node& node, const std::vector<NodeId>& inputs);

/// The graph for input images of another size. Every size that the network itself takes will do, for a graph that
/// depends on its size nowhere but there: see StoredGraph.
/// @throws InputError naming the node that does not fit
Graph at_size(const Graph& graph, int64_t height, int64_t width);

/// The graph that ends where the last dense layer begins: embeddings [N, E], before any activation, and before they are
/// brought to length one where the dense layer compares directions.
/// @throws UsageError when the graph does not end in a dense layer
Graph embedding_of(const Graph& graph);

/// The graph that gives these embeddings beside its logits: ops::Embedding. @throws UsageError as above
Graph with_embedding(const Graph& graph);

/// The graph without nodes that neither the output nor an ops::Embedding depends on.
Graph remove_dead(const Graph& graph);

}  // namespace assemble
