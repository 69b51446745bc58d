// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/trace/interpreter.h"

namespace assemble {
namespace {

using torch::Tensor;

constexpr int64_t kBins = 2048;
constexpr int kSignedSteps = 127;
constexpr int kUnsignedSteps = 255;
/// Magnitudes up to this are taken for zero.
constexpr double kDead = 1e-12;

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
    const bool reads_two =
        node.as<ops::Mix>() || node.as<ops::UpsampleAdd>() || (node.as<ops::Add>() && !is_vector(node));
    if (reads_one || reads_two) mark(in[0]);
    if (reads_two) mark(in[1]);
  }

  const Graph& graph_;
  const std::vector<std::vector<NodeId>> readers_;
  std::vector<NodeId> candidates_;
  std::set<NodeId> quantised_;
  std::vector<bool> tensors_;
};

void require_finite(const Tensor& activations, const std::string& name) {
  if (activations.isfinite().all().item<bool>()) return;
  throw InputError(concat("the output of ", name), "is NaN or infinite on calibration images",
                   "the network's training diverged, or its file is damaged: take an earlier checkpoint");
}

struct Seen {
  double least = 0, largest = 0;  ///< least value; largest magnitude
  Tensor histogram = torch::zeros(kBins, torch::kDouble);
};

/// What the images tell of a graph: the ranges of its tensors and the errors of its convolutions. Neither depends on
/// what else is kept in f32, so that one calibration serves every choice of layers.
class Calibration {
 public:
  Calibration(const Graph& graph, const std::vector<Tensor>& images, const QuantiseOptions& options)
      : graph_(graph), images_(images), options_(options) {
    if (images.empty()) throw UsageError("calibration", "there are no images", "give a folder of images or TFRecords");
    const Plan plan(graph, options.keep);
    Progress progress("calibrating", static_cast<int64_t>(images_.size()) * 3, "batches");
    const std::map<NodeId, Seen> seen = see(plan, progress);
    for (const auto& [id, values] : seen) {
      const bool is_signed = values.least < 0;
      const int steps = is_signed ? kSignedSteps : kUnsignedSteps;
      double range = 1;  // of a tensor that was zero in every image: any would do
      if (values.largest > kDead) {
        range = choose_range(options_.range, values.histogram, values.largest, steps, options_.percentile);
      }
      tensors_[id] = {static_cast<float>(std::max(range, kDead) / steps), is_signed};
    }
    watch(progress, [&](NodeId id, const auto& inputs, const Tensor&) {
      if (plan.quantised(id)) compare(id, inputs[0], input_of(plan, id));
    });
  }

  /// @param keep no fewer layers than the options of the calibration keep
  QuantisedGraph apply(const std::set<std::string>& keep) const {
    const Plan plan(graph_, keep);
    QuantisedGraph result;
    for (const NodeId id : plan.candidates()) {
      const bool quantised = plan.quantised(id);
      result.layers.push_back({graph_.node(id).name, quantised, quantised ? errors_.at(id).relative() : 0});
    }
    result.graph = rewrite(graph_, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
      NodeId copy = copy_node(rewritten, graph_.node(old), inputs);
      if (plan.quantised(old)) {
        auto& conv = std::get<ops::Convolution>(rewritten.node(copy).op);
        conv.quantised = true;
        conv.input_scale = input_of(plan, old).scale;
        const Errors& errors = errors_.at(old);
        if (options_.correct_bias) {
          const Tensor correction = errors.mean / static_cast<double>(errors.batches);
          conv.bias = conv.bias.defined() ? conv.bias + correction : correction;
        }
      }
      if (plan.tensor(old)) {
        copy = rewritten.add(ops::Quantise{tensors_.at(old)}, {copy}, graph_.node(old).name + "/q");
      }
      return copy;
    });
    return result;
  }

 private:
  struct Errors {
    Tensor mean;         ///< a value a channel
    double squares = 0;  ///< of the error
    double output = 0;   ///< squares of the output
    int64_t batches = 0;
    double relative() const { return std::sqrt(std::max(squares, 0.0) / std::max(output, 1e-30)); }
  };

  /// The 8 bits that a quantised convolution reads.
  const TensorQuantisation& input_of(const Plan& plan, NodeId convolution) const {
    return tensors_.at(plan.source(graph_.node(convolution).inputs[0]));
  }

  template <typename Watch>
  void watch(Progress& progress, Watch&& watch) {
    for (const Tensor& batch : images_) {
      interpret(graph_, batch, [&](const Graph&, NodeId id, const std::vector<Tensor>& inputs, const Tensor& output) {
        watch(id, inputs, output);
      });
      progress.advance(1);
    }
  }

  std::map<NodeId, Seen> see(const Plan& plan, Progress& progress) {
    std::map<NodeId, Seen> seen;
    watch(progress, [&](NodeId id, const auto&, const Tensor& output) {
      if (!plan.tensor(id) && id + 1 < graph_.nodes().size()) return;
      require_finite(output, graph_.node(id).name);
      if (!plan.tensor(id)) return;
      seen[id].least = std::min(seen[id].least, output.min().item<double>());
      seen[id].largest = std::max(seen[id].largest, output.abs().max().item<double>());
    });
    watch(progress, [&](NodeId id, const auto&, const Tensor& output) {
      if (!plan.tensor(id) || seen[id].largest <= kDead) return;
      seen[id].histogram += torch::histc(output.abs(), kBins, 0, seen[id].largest).to(torch::kDouble);
    });
    return seen;
  }

  /// Errors of one convolution before its ReLU, for the inputs of f32.
  void compare(NodeId id, const Tensor& input, const TensorQuantisation& quantisation) {
    ops::Convolution conv = *graph_.node(id).as<ops::Convolution>();
    conv.relu = false;
    const Tensor wanted = compute(conv, {input});
    conv.quantised = true;
    conv.input_scale = quantisation.scale;
    const Tensor error = wanted - compute(conv, {fake_quantise(input, quantisation)});
    Errors& errors = errors_[id];
    const Tensor mean = error.mean({0, 2, 3});
    errors.mean = errors.mean.defined() ? errors.mean + mean : mean;
    errors.squares += error.square().sum().item<double>();
    errors.output += wanted.square().sum().item<double>();
    ++errors.batches;
    if (options_.correct_bias) {
      const double corrected =
          mean.square().sum().item<double>() * static_cast<double>(error.numel()) / static_cast<double>(mean.numel());
      errors.squares -= corrected;
    }
  }

  const Graph& graph_;
  const std::vector<Tensor>& images_;
  const QuantiseOptions& options_;
  std::map<NodeId, TensorQuantisation> tensors_;
  std::map<NodeId, Errors> errors_;
};

struct Moments {
  Tensor mean, variance;  ///< [C], f64
};

Tensor output_of(const Graph& graph, NodeId id, const Tensor& images) {
  const Node& node = graph.node(id);
  if (node.as<ops::Input>()) return images;
  std::vector<Tensor> inputs;
  for (const NodeId input : node.inputs) inputs.push_back(output_of(graph, input, images));
  return compute(node.op, inputs);
}

/// Of each channel of a node's output, over all images.
Moments moments_of(const Graph& graph, NodeId id, const std::vector<Tensor>& images) {
  Tensor sum, squares;
  double count = 0;
  for (const Tensor& batch : images) {
    const Tensor values = output_of(graph, id, batch).to(torch::kDouble);
    const Tensor batch_sum = values.sum({0, 2, 3}), batch_squares = values.square().sum({0, 2, 3});
    sum = sum.defined() ? sum + batch_sum : batch_sum;
    squares = squares.defined() ? squares + batch_squares : batch_squares;
    count += static_cast<double>(values.numel()) / static_cast<double>(values.size(1));
  }
  const Tensor mean = sum / count;
  return {mean, (squares / count - mean.square()).clamp_min(0)};
}

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
    const Tensor error =
        torch::where(values <= range, torch::full_like(values, step * step / 12), (values - range).square());
    const double total = (error * histogram).sum().item<double>();
    if (total < least) {
      least = total;
      best = range;
    }
  }
  return best;
}

}  // namespace

RangeMethod parse_range_method(const std::string& name) { return kRangeMethods.parse(name); }

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

QuantisedGraph quantise_within(const Graph& graph, const std::vector<Tensor>& images, const QuantiseOptions& options,
                               const std::function<double(const Graph& quantised)>& accuracy, double reference,
                               double max_drop) {
  const Calibration calibration(graph, images, options);
  std::set<std::string> keep = options.keep;
  QuantisedGraph result = calibration.apply(keep);
  std::vector<QuantisedLayer> worst = result.layers;
  std::erase_if(worst, [](const QuantisedLayer& layer) { return !layer.quantised; });
  std::stable_sort(worst.begin(), worst.end(),
                   [](const QuantisedLayer& a, const QuantisedLayer& b) { return a.error > b.error; });
  size_t kept = 0;
  for (double drop = reference - accuracy(result.graph); drop > max_drop && kept < worst.size();
       drop = reference - accuracy(result.graph)) {
    const size_t wanted = std::min(worst.size(), std::max<size_t>(1, 2 * kept));
    for (; kept < wanted; ++kept) keep.insert(worst[kept].name);
    log_info(concat("accuracy drops by ", format_number(drop, 4), ": ", kept, " layers stay in f32"));
    result = calibration.apply(keep);
  }
  return result;
}

double distance_from_training(const ClassifierImpl& model, const Graph& traced, const std::vector<Tensor>& images,
                              double initial_share) {
  const auto& nodes = traced.nodes();
  const auto norm = std::find_if(nodes.begin(), nodes.end(), [](const Node& node) { return node.as<ops::Affine>(); });
  const auto buffers = model.named_buffers();
  const Tensor* mean = norm == nodes.end() ? nullptr : buffers.find(norm->name + ".running_mean");
  const Tensor* variance = norm == nodes.end() ? nullptr : buffers.find(norm->name + ".running_var");
  if (!mean || !variance) throw UsageError(model.arch().str(), "has no batch norm");
  const Moments seen = moments_of(traced, norm->inputs[0], images);

  const double settled = std::max(1 - initial_share, 1e-6);
  const Tensor trained_mean = mean->to(torch::kDouble) / settled;
  const Tensor trained_variance = ((variance->to(torch::kDouble) - initial_share) / settled).clamp_min(0) + 1e-5;
  const Tensor deviations = seen.variance.sqrt() - trained_variance.sqrt();
  return (((seen.mean - trained_mean).square() + deviations.square()) / trained_variance).sqrt().mean().item<double>();
}

QuantisedGraph quantise(const Graph& graph, const std::vector<Tensor>& images, const QuantiseOptions& options) {
  return Calibration(graph, images, options).apply(options.keep);
}

}  // namespace assemble
