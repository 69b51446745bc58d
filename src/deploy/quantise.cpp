// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/quantise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/deploy/quantised_weights.h"
#include "calibration.h"
#include "engines/observer.h"

namespace assemble {
namespace {

constexpr int kSignedSteps = 127;
constexpr int kUnsignedSteps = 255;
/// Magnitudes up to this are taken for zero.
constexpr double kDead = 1e-12;

bool is_vector(const Node& node) { return node.shape.size() == 3 && node.shape[1] == 1 && node.shape[2] == 1; }

/// Channels along one dimension, whichever.
bool is_line(const Node& node) {
  return node.shape.size() == 3 && std::count(node.shape.begin(), node.shape.end(), 1) >= 2;
}

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
    if (!is_line(graph_.node(id))) return false;
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

int64_t count_of(const std::vector<Images>& batches) {
  int64_t count = 0;
  for (const Images& batch : batches) count += batch.count;
  return count;
}

/// What the images tell of a graph: the ranges of its tensors and the errors of its convolutions. Neither depends on
/// what else is kept in f32, so that one calibration serves every choice of layers.
class Calibration {
 public:
  Calibration(const Graph& graph, const std::vector<Images>& images, const QuantiseOptions& options)
      : graph_(graph), options_(options) {
    if (count_of(images) == 0) {
      throw UsageError("calibration", "there are no images", "give a folder of images or TFRecords");
    }
    const Plan plan(graph, options.keep);
    choose_ranges(plan, images);
    compare(plan, images);
  }

  /// @param keep no fewer layers than the options of the calibration keep
  QuantisedGraph apply(const std::set<std::string>& keep) const {
    const Plan plan(graph_, keep);
    QuantisedGraph result;
    for (const NodeId id : plan.candidates()) {
      const bool quantised = plan.quantised(id);
      result.layers.push_back(
          {graph_.node(id).name, quantised, quantised ? errors_.at(id).relative(options_.correct_bias) : 0});
    }
    result.graph = rewrite(graph_, [&](Graph& rewritten, NodeId old, const std::vector<NodeId>& inputs) {
      NodeId copy = copy_node(rewritten, graph_.node(old), inputs);
      if (plan.quantised(old)) {
        auto& conv = std::get<ops::Convolution>(rewritten.node(copy).op);
        conv.quantised = true;
        conv.input_scale = input_of(plan, old).scale;
        if (options_.correct_bias) conv.bias = sum_of(conv.bias, errors_.at(old).mean());
      }
      if (plan.tensor(old)) {
        copy = rewritten.add(ops::Quantise{tensors_.at(old)}, {copy}, graph_.node(old).name + "/q");
      }
      return copy;
    });
    return result;
  }

 private:
  static Array sum_of(const Array& bias, std::vector<float> correction) {
    for (size_t c = 0; c < correction.size() && bias.defined(); ++c) correction[c] += bias.values()[c];
    const auto channels = static_cast<int64_t>(correction.size());
    return Array({channels}, std::move(correction));
  }

  /// The 8 bits that a quantised convolution reads.
  const TensorQuantisation& input_of(const Plan& plan, NodeId convolution) const {
    return tensors_.at(plan.source(graph_.node(convolution).inputs[0]));
  }

  /// @param pass what one look at every image is for
  static void observe(GraphObserver& observer, const std::vector<Images>& images, const std::string& pass,
                      const GraphObserver::See& see) {
    Progress progress("calibrating, " + pass, count_of(images), "images");
    for (const Images& batch : images) {
      observer.run(batch, see);
      progress.advance(batch.count);
    }
  }

  void choose_ranges(const Plan& plan, const std::vector<Images>& images) {
    std::vector<NodeId> watched;
    for (NodeId id = 0; id < graph_.nodes().size(); ++id) {
      if (plan.tensor(id)) watched.push_back(id);
    }
    const size_t ranges = watched.size();
    watched.push_back(graph_.nodes().size() - 1);  // the logits must be finite
    GraphObserver observer(graph_, watched);
    std::vector<Seen> seen(watched.size());
    observe(observer, images, "pass 1 of 3: extremes", [&](size_t i, std::span<const float> values) {
      if (seen[i].look(values)) return;
      throw InputError(concat("the output of ", graph_.node(watched[i]).name),
                       "is NaN or infinite on calibration images",
                       "the network's training diverged, or its file is damaged: take an earlier checkpoint");
    });
    observe(observer, images, "pass 2 of 3: ranges", [&](size_t i, std::span<const float> values) {
      if (i < ranges && seen[i].magnitude() > kDead) seen[i].count(values);
    });
    for (size_t i = 0; i < ranges; ++i) tensors_[watched[i]] = quantisation_of(seen[i]);
  }

  TensorQuantisation quantisation_of(const Seen& seen) const {
    const bool is_signed = seen.least < 0;
    const int steps = is_signed ? kSignedSteps : kUnsignedSteps;
    double range = 1;  // of a tensor that was zero in every image: any would do
    if (seen.magnitude() > kDead) {
      range = choose_range(options_.range, seen.histogram, seen.magnitude(), steps, options_.percentile);
    }
    return {static_cast<float>(std::max(range, kDead) / steps), is_signed};
  }

  /// Beside each convolution stands the same one with 8 bits; what is looked at are means over the image: of their
  /// difference, of its square and of the output's square.
  void compare(const Plan& plan, const std::vector<Images>& images) {
    constexpr size_t kMeasures = 3;
    Graph both = graph_;
    std::vector<NodeId> convolutions, watched;
    for (const NodeId id : plan.candidates()) {
      if (!plan.quantised(id)) continue;
      convolutions.push_back(id);
      const NodeId input = graph_.node(id).inputs[0];
      ops::Convolution conv = *graph_.node(id).as<ops::Convolution>();
      conv.relu = false;
      const NodeId wanted = both.add(conv, {input});
      conv.input_scale = input_of(plan, id).scale;
      conv.weight = quantise_convolution(conv).weights.dequantised(conv.weight.shape());
      const NodeId rounded = both.add(ops::Quantise{input_of(plan, id)}, {input});
      const NodeId error = both.add(ops::Subtract{}, {wanted, both.add(conv, {rounded})});
      watched.push_back(both.add(ops::Mean{}, {error}));
      for (const NodeId squared : {error, wanted}) {
        watched.push_back(both.add(ops::Mean{}, {both.add(ops::Multiply{}, {squared, squared})}));
      }
    }
    GraphObserver observer(both, watched);
    observe(observer, images, "pass 3 of 3: errors", [&](size_t i, std::span<const float> means) {
      const NodeId id = convolutions[i / kMeasures];
      const Node& node = graph_.node(id);
      add_means(errors_[id], i % kMeasures, means, static_cast<double>(node.shape[1] * node.shape[2]));
    });
  }

  static void add_means(Errors& errors, size_t measure, std::span<const float> means, double positions) {
    double total = 0;
    for (const float mean : means) total += static_cast<double>(mean) * positions;
    if (measure == 1) errors.squares += total;
    if (measure == 2) errors.output += total;
    if (measure != 0) return;
    errors.positions += positions;
    errors.sums.resize(means.size());
    for (size_t c = 0; c < means.size(); ++c) errors.sums[c] += static_cast<double>(means[c]) * positions;
  }

  const Graph& graph_;
  const QuantiseOptions& options_;
  std::map<NodeId, TensorQuantisation> tensors_;
  std::map<NodeId, Errors> errors_;
};

double percentile_range(std::span<const double> histogram, double largest, double percentile) {
  const double wanted = percentile / 100 * std::accumulate(histogram.begin(), histogram.end(), 0.0);
  double below = 0;
  size_t bins = 0;
  while (bins < histogram.size() && below + histogram[bins] < wanted) below += histogram[bins++];
  return largest * static_cast<double>(std::min(bins + 1, histogram.size())) / static_cast<double>(histogram.size());
}

double mse_range(std::span<const double> histogram, double largest, int steps) {
  const double width = largest / static_cast<double>(histogram.size());
  double best = largest, least = std::numeric_limits<double>::infinity();
  for (double range = largest; range > largest / 20; range *= 0.97) {
    const double step = range / steps;
    double total = 0;
    for (size_t bin = 0; bin < histogram.size(); ++bin) {
      const double value = (static_cast<double>(bin) + 0.5) * width;
      total += histogram[bin] * (value <= range ? step * step / 12 : (value - range) * (value - range));
    }
    if (total >= least) continue;
    least = total;
    best = range;
  }
  return best;
}

}  // namespace

RangeMethod parse_range_method(const std::string& name) { return kRangeMethods.parse(name); }

double choose_range(RangeMethod method, std::span<const double> histogram, double largest, int steps,
                    double percentile) {
  if (std::ranges::all_of(histogram, [](double count) { return count == 0; })) return largest;
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

QuantisedGraph quantise_within(const Graph& graph, const std::vector<Images>& images, const QuantiseOptions& options,
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

double distance_from_training(const Graph& traced, const std::vector<Images>& images, double initial_share) {
  const auto& nodes = traced.nodes();
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [](const Node& node) { return node.as<ops::BatchNorm>(); });
  if (found == nodes.end()) throw UsageError("the network", "has no batch norm");
  const NodeId input = found->inputs[0];
  const ops::BatchNorm& norm = *found->as<ops::BatchNorm>();
  const auto channels = static_cast<size_t>(norm.mean.count());
  const auto positions = static_cast<size_t>(traced.node(input).shape[1] * traced.node(input).shape[2]);
  std::vector<double> sums(channels), squares(channels);
  GraphObserver observer(traced, {input});
  for (const Images& batch : images) {
    observer.run(batch, [&](size_t, std::span<const float> values) {
      for (size_t i = 0; i < values.size(); ++i) {
        sums[i / positions] += static_cast<double>(values[i]);
        squares[i / positions] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
      }
    });
  }
  const double count = static_cast<double>(positions) * static_cast<double>(count_of(images));
  const double settled = std::max(1 - initial_share, 1e-6);
  double total = 0;
  for (size_t c = 0; c < channels; ++c) {
    const double mean = sums[c] / count, variance = std::max(squares[c] / count - mean * mean, 0.0);
    const double trained_mean = norm.mean.values()[c] / settled;
    const double trained_variance = std::max((norm.variance.values()[c] - initial_share) / settled, 0.0) + norm.epsilon;
    const double shift = mean - trained_mean, spread = std::sqrt(variance) - std::sqrt(trained_variance);
    total += std::sqrt((shift * shift + spread * spread) / trained_variance);
  }
  return total / static_cast<double>(channels);
}

QuantisedGraph quantise(const Graph& graph, const std::vector<Images>& images, const QuantiseOptions& options) {
  return Calibration(graph, images, options).apply(options.keep);
}

}  // namespace assemble
