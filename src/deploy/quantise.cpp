// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/deploy/interpreter.h"

namespace assemble {
namespace {

using torch::Tensor;

constexpr int64_t kBins = 2048;
constexpr int kSignedSteps = 127;
constexpr int kUnsignedSteps = 255;

bool is_vector(const Node& node) { return node.shape.size() == 3 && node.shape[1] == 1 && node.shape[2] == 1; }

/// Operations whose output holds values of their input and no others: quantised before them is quantised after them.
bool moves_values(const Node& node) {
  return node.as<ops::Pad>() || node.as<ops::MaxPool>() || node.as<ops::Upsample>() || node.as<ops::Slice>() ||
         node.as<ops::Reshape>();
}

/// Decides which convolutions and which tensors get 8 bits.
class Plan {
 public:
  Plan(const Graph& graph, const std::set<std::string>& keep) : graph_(graph), readers_(graph.readers()) {
    tensors_.resize(graph.nodes().size(), false);
    std::set<std::string> unknown = keep;
    for (NodeId id = 0; id < graph.nodes().size(); ++id) {
      if (!graph.node(id).as<ops::Convolution>() || in_attention(id)) continue;
      candidates_.push_back(id);
      unknown.erase(graph.node(id).name);
      if (!keep.count(graph.node(id).name)) quantised_.insert(id);
    }
    if (!unknown.empty()) {
      throw UsageError(concat("layer '", *unknown.begin(), "'"), "is no convolution that can be quantised",
                       "names are those of the layer report");
    }
    for (NodeId id = 0; id < graph.nodes().size(); ++id) mark_inputs(id);
  }

  const std::vector<NodeId>& candidates() const { return candidates_; }
  bool quantised(NodeId convolution) const { return quantised_.count(convolution) > 0; }
  /// Whether the output of a node is stored in 8 bits.
  bool tensor(NodeId id) const { return tensors_[id]; }
  /// The node whose 8-bit values another one holds.
  NodeId source(NodeId id) const { return moves_values(graph_.node(id)) ? source(graph_.node(id).inputs[0]) : id; }

 private:
  /// Whether a convolution works on means over an image that weigh channels afterwards.
  bool in_attention(NodeId id) const {
    if (!is_vector(graph_.node(id))) return false;
    return std::any_of(readers_[id].begin(), readers_[id].end(), [&](NodeId reader) {
      const Node& node = graph_.node(reader);
      return node.as<ops::Mix>() || node.as<ops::Multiply>() || in_attention(reader);
    });
  }

  void mark(NodeId id) { tensors_[source(id)] = true; }

  void mark_inputs(NodeId id) {
    const Node& node = graph_.node(id);
    const std::vector<NodeId>& in = node.inputs;
    const bool reads_one = quantised_.count(id) || node.as<ops::AveragePool>() || node.as<ops::Mean>();
    const bool reads_two = node.as<ops::Mix>() || node.as<ops::UpsampleAdd>() || (node.as<ops::Add>() && !is_vector(node));
    if (reads_one || reads_two) mark(in[0]);
    if (reads_two) mark(in[1]);
  }

  const Graph& graph_;
  const std::vector<std::vector<NodeId>> readers_;
  std::vector<NodeId> candidates_;
  std::set<NodeId> quantised_;
  std::vector<bool> tensors_;
};

struct Seen {
  double least = 0, largest = 0;  ///< least value; largest magnitude
  Tensor histogram = torch::zeros(kBins, torch::kDouble);
};

class Calibration {
 public:
  Calibration(const Graph& graph, const std::vector<Tensor>& images, const QuantiseOptions& options)
      : graph_(graph), images_(images), options_(options), plan_(graph, options.keep) {}

  QuantisedGraph run() {
    Progress progress("calibrating", static_cast<int64_t>(images_.size()) * 3, "batches");
    watch(progress, [this](NodeId id, const auto&, const Tensor& output) {
      if (!plan_.tensor(id)) return;
      seen_[id].least = std::min(seen_[id].least, output.min().item<double>());
      seen_[id].largest = std::max(seen_[id].largest, output.abs().max().item<double>());
    });
    watch(progress, [this](NodeId id, const auto&, const Tensor& output) {
      if (plan_.tensor(id)) {
        seen_[id].histogram += torch::histc(output.abs(), kBins, 0, seen_[id].largest).to(torch::kDouble);
      }
    });
    for (const auto& [id, seen] : seen_) {
      const bool is_signed = seen.least < 0;
      const int steps = is_signed ? kSignedSteps : kUnsignedSteps;
      const double range = choose_range(options_.range, seen.histogram, seen.largest, steps, options_.percentile);
      tensors_[id] = {static_cast<float>(std::max(range, 1e-12) / steps), is_signed};
    }
    watch(progress, [this](NodeId id, const auto& inputs, const Tensor&) {
      if (plan_.quantised(id)) compare(id, inputs[0]);
    });
    return finished();
  }

 private:
  struct Errors {
    Tensor mean;           ///< a value a channel
    double squares = 0;    ///< of the error
    double output = 0;     ///< squares of the output
    int64_t batches = 0;
  };

  template <typename Watch>
  void watch(Progress& progress, Watch&& watch) {
    for (const Tensor& batch : images_) {
      interpret(graph_, batch,
                [&](const Graph&, NodeId id, const std::vector<Tensor>& inputs, const Tensor& output) {
                  watch(id, inputs, output);
                });
      progress.advance(1);
    }
  }

  /// Errors of one convolution before its ReLU, for the inputs of f32.
  void compare(NodeId id, const Tensor& input) {
    ops::Convolution conv = *graph_.node(id).as<ops::Convolution>();
    conv.relu = false;
    const Tensor wanted = compute(conv, {input});
    conv.quantised = true;
    const Tensor error = wanted - compute(conv, {fake_quantise(input, tensors_.at(plan_.source(graph_.node(id).inputs[0])))});
    Errors& errors = errors_[id];
    const Tensor mean = error.mean({0, 2, 3});
    errors.mean = errors.mean.defined() ? errors.mean + mean : mean;
    errors.squares += error.square().sum().item<double>();
    errors.output += wanted.square().sum().item<double>();
    ++errors.batches;
    if (options_.correct_bias) {
      const double corrected = mean.square().sum().item<double>() * static_cast<double>(error.numel() / mean.numel());
      errors.squares -= corrected;
    }
  }

  QuantisedGraph finished() const {
    QuantisedGraph result;
    for (const NodeId id : plan_.candidates()) {
      QuantisedLayer layer{graph_.node(id).name, plan_.quantised(id), 0};
      if (layer.quantised) {
        const Errors& errors = errors_.at(id);
        layer.error = std::sqrt(std::max(errors.squares, 0.0) / std::max(errors.output, 1e-30));
      }
      result.layers.push_back(layer);
    }
    result.graph = rewrite(graph_, [this](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
      NodeId copy = copy_node(rewritten, graph_.node(old), inputs);
      if (plan_.quantised(old)) {
        auto& conv = std::get<ops::Convolution>(rewritten.node(copy).op);
        conv.quantised = true;
        const Errors& errors = errors_.at(old);
        if (options_.correct_bias) {
          const Tensor correction = errors.mean / static_cast<double>(errors.batches);
          conv.bias = conv.bias.defined() ? conv.bias + correction : correction;
        }
      }
      if (plan_.tensor(old)) {
        copy = rewritten.add(ops::Quantise{tensors_.at(old)}, {copy}, graph_.node(old).name + "/q");
      }
      return copy;
    });
    return result;
  }

  const Graph& graph_;
  const std::vector<Tensor>& images_;
  const QuantiseOptions options_;
  const Plan plan_;
  std::map<NodeId, Seen> seen_;
  std::map<NodeId, TensorQuantisation> tensors_;
  std::map<NodeId, Errors> errors_;
};

double percentile_range(const Tensor& histogram, double largest, double percentile) {
  const Tensor below = histogram.cumsum(0) / histogram.sum();
  const int64_t bins = (below < percentile / 100).sum().item<int64_t>();
  return largest * static_cast<double>(std::min(bins + 1, histogram.size(0))) / static_cast<double>(histogram.size(0));
}

double mse_range(const Tensor& histogram, double largest, int steps) {
  const int64_t bins = histogram.size(0);
  const Tensor values = (torch::arange(bins, torch::kDouble) + 0.5) * (largest / static_cast<double>(bins));
  double best = largest, least = std::numeric_limits<double>::infinity();
  for (double range = largest; range > largest / 20; range *= 0.97) {
    const double step = range / steps;
    const Tensor error = torch::where(values <= range, torch::full_like(values, step * step / 12), (values - range).square());
    const double total = (error * histogram).sum().item<double>();
    if (total < least) {
      least = total;
      best = range;
    }
  }
  return best;
}

}  // namespace

RangeMethod parse_range_method(const std::string& name) {
  if (name == "min-max") return RangeMethod::kMinMax;
  if (name == "percentile") return RangeMethod::kPercentile;
  if (name == "mse") return RangeMethod::kMse;
  throw UsageError("range", concat("'", name, "' is no method"), "methods are min-max, percentile and mse");
}

double choose_range(RangeMethod method, const Tensor& histogram, double largest, int steps, double percentile) {
  if (histogram.sum().item<double>() == 0) return largest;
  switch (method) {
    case RangeMethod::kPercentile:
      return percentile_range(histogram, largest, percentile);
    case RangeMethod::kMse:
      return mse_range(histogram, largest, steps);
    case RangeMethod::kMinMax:
      break;
  }
  return largest;
}

QuantisedGraph quantise_within(const Graph& graph, const std::vector<Tensor>& images, QuantiseOptions options,
                               const std::function<double(const Graph& quantised)>& accuracy, double reference,
                               double max_drop) {
  QuantisedGraph result = quantise(graph, images, options);
  std::vector<QuantisedLayer> worst = result.layers;
  std::erase_if(worst, [](const QuantisedLayer& layer) { return !layer.quantised; });
  std::stable_sort(worst.begin(), worst.end(),
                   [](const QuantisedLayer& a, const QuantisedLayer& b) { return a.error > b.error; });
  size_t kept = 0;
  for (double drop = reference - accuracy(result.graph); drop > max_drop && kept < worst.size();
       drop = reference - accuracy(result.graph)) {
    const size_t wanted = std::min(worst.size(), std::max<size_t>(1, 2 * kept));
    for (; kept < wanted; ++kept) options.keep.insert(worst[kept].name);
    log_info(concat("accuracy drops by ", format_number(drop, 4), ": ", kept, " layers stay in f32"));
    result = quantise(graph, images, options);
  }
  return result;
}

double distance_from_training(ClassifierImpl& model, const Graph& traced, const Tensor& images) {
  const auto buffers = model.named_buffers();
  const Tensor* mean = buffers.find("bn1.running_mean");
  const Tensor* variance = buffers.find("bn1.running_var");
  if (!mean || !variance) throw UsageError(model.arch().str(), "has no batch norm bn1");
  double distance = 0;
  interpret(traced, images, [&](const Graph& graph, NodeId id, const std::vector<Tensor>& inputs, const Tensor&) {
    if (graph.node(id).as<ops::Affine>() && graph.node(id).name == "bn1") {
      distance = ((inputs[0].mean({0, 2, 3}) - *mean).abs() / (*variance + 1e-5).sqrt()).mean().item<double>();
    }
  });
  return distance;
}

QuantisedGraph quantise(const Graph& graph, const std::vector<Tensor>& images, const QuantiseOptions& options) {
  if (images.empty()) throw UsageError("calibration", "there are no images", "give a folder of images or TFRecords");
  return Calibration(graph, images, options).run();
}

}  // namespace assemble
