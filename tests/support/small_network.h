// SPDX-License-Identifier: Apache-2.0
// A network for tests without LibTorch: the graph that tracing would give, put together by hand.
#pragma once

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/deploy/graph_text.h"
#include "assemble/deploy/model_file.h"
#include "assemble/io/safetensors.h"

namespace assemble::test {

struct SmallNetworkOptions {
  int64_t classes = 3;
  int64_t side = 32;      ///< of the images, a multiple of SmallNetwork::kSizeMultiple
  int64_t embedding = 0;  ///< above 0: a dense layer of as many features, batch norm and ReLU before the last one
  bool gem = false;       ///< generalised mean in place of the mean
  float deviation = 1;    ///< of the images' values: logits are about as large for any
  uint64_t seed = 1;      ///< of the weights
};

/// Stem, selective kernel, blurred downsampling with a shortcut, big-little merge, squeeze and excitation, dense layer:
/// what the rewrites look for, with some thousand random weights. Batch norms have statistics as after training.
class SmallNetwork {
 public:
  static constexpr int64_t kSizeMultiple = 16;

  /// As trace() gives it.
  struct Traced {
    StoredGraph stored;
    WeightNames names;
  };

  explicit SmallNetwork(const SmallNetworkOptions& options = {}) : options_(options) { trace(); }

  /// By name, as "conv1.weight" or "bn1.running_mean". A change shows in what is made afterwards.
  std::vector<float>& weight(const std::string& name) { return weights_.at(name).values; }

  Traced trace() {
    Traced traced;
    traced.stored.size_step = kSizeMultiple;
    traced.stored.size_multiple = kSizeMultiple;
    graph_ = &traced.stored.graph;
    names_ = &traced.names;
    build();
    return traced;
  }
  Graph graph() { return trace().stored.graph; }

  ModelCard card() const {
    ModelCard card;
    card.arch = "small";
    for (int64_t c = 0; c < options_.classes; ++c) card.class_names.push_back(concat("class ", c));
    card.preprocessing = Preprocessing::from_type(concat("imagenet_", options_.side));
    return card;
  }

  /// Metadata of its model file.
  Metadata metadata(const ModelCard& card) {
    Metadata metadata = to_metadata(card);
    metadata.merge(model_file_format());
    const Traced traced = trace();
    metadata["graph"] = to_text(traced.stored, traced.names);
    return metadata;
  }

  /// Writes a model file as save_model() does.
  void save(const fs::path& path, const ModelCard& card) { save(path, metadata(card)); }
  void save(const fs::path& path) { save(path, card()); }
  void save(const fs::path& path, const Metadata& metadata) const {
    std::vector<TensorView> views;
    for (const auto& [name, weight] : weights_) {
      const auto bytes = std::as_bytes(std::span(weight.values));
      views.push_back(
          {name, DataType::kF32, weight.shape, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}});
    }
    write_safetensors(path, views, metadata);
  }

 private:
  using Shape = std::vector<int64_t>;
  struct Weight {
    Shape shape;
    std::vector<float> values;
  };

  void build() {
    NodeId node = graph_->add_input({}, {Images::kChannels, options_.side, options_.side});
    node = relu(conv_bn("conv1", node, 8, 3, 2, 1 / options_.deviation));
    node = graph_->add(ops::MaxPool{3, 2, {1, 1, 1, 1}}, {node});
    node = selective_block(node);
    node = strided_block(node);
    node = merge(node);
    node = excite(node);
    head(node);
  }

  /// The weight of that name, which is made when the network is built for the first time.
  Array take(const std::string& name, const Shape& shape, const std::function<void(std::vector<float>&)>& fill) {
    if (!weights_.contains(name)) {
      int64_t count = 1;
      for (const int64_t extent : shape) count *= extent;
      Weight weight{shape, std::vector<float>(static_cast<size_t>(count))};
      fill(weight.values);
      weights_.emplace(name, std::move(weight));
    }
    const Array array(shape, weights_.at(name).values);
    (*names_)[array.data()] = name;
    return array;
  }
  Array uniform(const std::string& name, int64_t count, double low, double high) {
    return take(name, {count}, [&](std::vector<float>& values) {
      for (float& value : values) value = static_cast<float>(random_.uniform(low, high));
    });
  }
  Array normal(const std::string& name, const Shape& shape, double deviation) {
    return take(name, shape, [&](std::vector<float>& values) {
      for (float& value : values) value = static_cast<float>(deviation * random_.normal());
    });
  }

  int64_t channels(NodeId node) const { return graph_->node(node).shape.at(0); }
  NodeId relu(NodeId node) { return graph_->add(ops::Relu{}, {node}); }

  NodeId conv(const std::string& name, NodeId input, int64_t out, int64_t kernel, int64_t stride, bool bias,
              double scale = 1) {
    const int64_t in = channels(input), around = kernel / 2;
    const double deviation = scale * std::sqrt(2.0 / static_cast<double>(in * kernel * kernel));
    return graph_->add(ops::Convolution{.weight = normal(name + ".weight", {out, in, kernel, kernel}, deviation),
                                        .bias = bias ? uniform(name + ".bias", out, -0.2, 0.2) : Array(),
                                        .stride = stride,
                                        .padding = {around, around, around, around}},
                       {input}, name);
  }

  /// @param weight about what the norm's weights are
  NodeId norm(const std::string& name, NodeId input, double weight = 1) {
    const int64_t count = channels(input);
    return graph_->add(
        ops::BatchNorm{uniform(name + ".weight", count, 0.5 * weight, 1.5 * weight),
                       uniform(name + ".bias", count, -0.2, 0.2), uniform(name + ".running_mean", count, -0.3, 0.3),
                       uniform(name + ".running_var", count, 0.5, 1.5)},
        {input}, name);
  }
  NodeId conv_bn(const std::string& name, NodeId input, int64_t out, int64_t kernel, int64_t stride, double scale = 1,
                 double norm_weight = 1) {
    return norm(name + "_bn", conv(name, input, out, kernel, stride, /*bias=*/false, scale), norm_weight);
  }

  /// Two parts of the channels, in equal halves.
  std::array<NodeId, 2> halves(NodeId input) {
    const int64_t whole = channels(input);
    const NodeId first = graph_->add(ops::Slice{1, 0, whole / 2}, {input});
    return {first, graph_->add(ops::Slice{1, whole / 2, whole}, {input})};
  }

  NodeId selective_block(NodeId input) {
    NodeId node = relu(conv_bn("layer1.conv1", input, 8, 1, 1));
    const NodeId paths = relu(conv_bn("layer1.conv2.conv", node, 16, 3, 1));
    const auto means = halves(graph_->add(ops::Mean{}, {paths}));
    const NodeId sum = graph_->add(ops::Add{}, {means[0], means[1]});
    const NodeId code = relu(conv_bn("layer1.conv2.fc_reduce", sum, 8, 1, 1));
    const auto attention = halves(conv("layer1.conv2.fc_select", code, 16, 1, 1, /*bias=*/false));
    const NodeId difference = graph_->add(ops::Subtract{}, {attention[0], attention[1]});
    const NodeId weights = graph_->add(ops::Sigmoid{}, {difference});
    const auto parts = halves(paths);
    node = graph_->add(ops::Mix{}, {parts[1], parts[0], weights});
    node = conv_bn("layer1.conv3", node, 16, 1, 1, 1, 0.3);
    return relu(graph_->add(ops::Add{}, {node, conv_bn("layer1.downsample", input, 16, 1, 1)}));
  }

  /// Mirrored edge and the binomial filter of three, on every second pixel.
  NodeId blur(NodeId input) {
    const int64_t count = channels(input);
    std::vector<float> filters;
    for (int64_t c = 0; c < count; ++c) {
      for (const int outer : {1, 2, 1}) {
        for (const int inner : {1, 2, 1}) filters.push_back(static_cast<float>(outer * inner) / 16);
      }
    }
    const NodeId padded = graph_->add(ops::Pad{{1, 1, 1, 1}, ops::PadMode::kReflect}, {input});
    return graph_->add(
        ops::Convolution{
            .weight = Array({count, 1, 3, 3}, filters), .bias = {}, .stride = 2, .groups = count, .padding = {}},
        {padded});
  }

  NodeId strided_block(NodeId input) {
    NodeId node = blur(relu(conv_bn("layer2.conv1", input, 16, 3, 1)));
    node = conv_bn("layer2.conv2", node, 16, 1, 1, 1, 0.3);
    const NodeId shortcut = blur(conv_bn("layer2.downsample", input, 16, 1, 1));
    return relu(graph_->add(ops::Add{}, {node, shortcut}));
  }

  /// The sum of what is computed at half the size and what is computed at the whole.
  NodeId merge(NodeId input) {
    NodeId little = graph_->add(ops::AveragePool{3, 2, {1, 1, 1, 1}}, {input});
    little = conv_bn("merge.little", little, 16, 1, 1);
    little = graph_->add(ops::Upsample{}, {little});
    NodeId big = graph_->add(ops::Pad{{0, 0, 1, 1}, ops::PadMode::kEdge}, {input});
    big = graph_->add(ops::AveragePool{2, 1, {}}, {big});
    big = conv_bn("merge.big", big, 16, 3, 1, 1, 0.3);
    return relu(graph_->add(ops::Add{}, {little, big}));
  }

  NodeId excite(NodeId input) {
    const NodeId mean = graph_->add(ops::Mean{}, {input});
    const NodeId code = relu(conv("se.reduce", mean, 4, 1, 1, /*bias=*/true));
    const NodeId weights = graph_->add(ops::Sigmoid{}, {conv("se.expand", code, 16, 1, 1, /*bias=*/true)});
    return graph_->add(ops::Multiply{}, {input, weights});
  }

  void head(NodeId node) {
    if (options_.gem) node = graph_->add(ops::Power{3}, {graph_->add(ops::Clamp{1e-6, 1e6}, {node})});
    node = graph_->add(ops::Mean{}, {node});
    if (options_.gem) node = graph_->add(ops::Power{1.0 / 3}, {node});
    if (options_.embedding > 0) node = conv_bn("embedding", node, options_.embedding, 1, 1);
    const int64_t features = channels(node);
    node = graph_->add(ops::Reshape{{features}}, {node});
    if (options_.embedding > 0) node = relu(node);
    node = graph_->add(ops::Reshape{{features, 1, 1}}, {node});
    const Array dense = normal("fc.weight", {options_.classes, features}, 1 / std::sqrt(static_cast<double>(features)));
    node = graph_->add(ops::Convolution{.weight = dense.reshaped({options_.classes, features, 1, 1}),
                                        .bias = uniform("fc.bias", options_.classes, -0.2, 0.2),
                                        .padding = {}},
                       {node}, "fc");
    graph_->add(ops::Reshape{{options_.classes}}, {node});
  }

  SmallNetworkOptions options_;
  Random random_{options_.seed, RandomPurpose::kInitialise};
  std::map<std::string, Weight> weights_;
  Graph* graph_ = nullptr;        // that is being built
  WeightNames* names_ = nullptr;  // of its weights
};

}  // namespace assemble::test
