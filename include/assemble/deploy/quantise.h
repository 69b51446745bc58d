// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/deploy/graph.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// How the range of an activation is chosen from what calibration saw.
enum class RangeMethod {
  kMinMax,      ///< everything fits
  kPercentile,  ///< a share of the values is clipped
  kMse,         ///< the least mean squared error of rounding and clipping
};
inline constexpr auto kRangeMethods = choices<RangeMethod>(
    "range", {{RangeMethod::kMinMax, "min-max"}, {RangeMethod::kPercentile, "percentile"}, {RangeMethod::kMse, "mse"}});

/// "min-max", "percentile" or "mse". @throws UsageError otherwise
RangeMethod parse_range_method(const std::string& name);

struct QuantiseOptions {
  RangeMethod range = RangeMethod::kMse;
  double percentile = 99.99;  ///< of kPercentile: per cent of the values that fit
  bool correct_bias =
      true;  ///< the mean error of each output channel goes into the bias (Nagel et al., arXiv 1906.04721)
  std::set<std::string> keep;  ///< convolutions that stay in f32, by name
};

/// What quantisation does to one convolution.
struct QuantisedLayer {
  std::string name;
  bool quantised = false;  ///< off: kept in f32
  /// Norm of the output's error divided by the output's, for inputs as in f32; 0 for a layer kept in f32.
  double error = 0;
};

struct QuantisedGraph {
  Graph graph;
  std::vector<QuantisedLayer> layers;  ///< every convolution that can be quantised, in order of computation
};

/// Post-training quantisation to 8 bits.
///
/// Weights: symmetric, a scale for each output channel. Activations: a scale for each tensor, unsigned after ReLU,
/// signed and symmetric otherwise. Quantised are the inputs of convolutions, sums, means and average poolings, and both
/// paths that a selective kernel mixes. (A sum whose operands all have 8 bits is added by the convolution that makes
/// one of them while it writes.) The small convolutions of attention (SK, SE) stay in f32: they cost nothing and
/// everything passes through them.
/// @param graph optimised
/// @param images batches [N, 3, H, W] as the network takes them, on the CPU
/// @throws UsageError when there are no images, or `keep` names no convolution of the graph
QuantisedGraph quantise(const Graph& graph, const std::vector<torch::Tensor>& images, const QuantiseOptions& options);

/// Quantises, and keeps the layers with the largest errors in f32, twice as many each time, until the accuracy is
/// within `max_drop` of the reference or none is left. It calibrates once: a try costs one call of `accuracy`.
/// @param accuracy measures a graph; in the unit of max_drop
/// @return what quantise() gives with options.keep enlarged by the layers that were kept
QuantisedGraph quantise_within(const Graph& graph, const std::vector<torch::Tensor>& images,
                               const QuantiseOptions& options,
                               const std::function<double(const Graph& quantised)>& accuracy, double reference,
                               double max_drop);

/// How far what a network's first batch norm sees of the images is from what it saw in training, in its deviations: the
/// 2-Wasserstein distance of the two normal distributions, mean over channels. Images like the training's stay below
/// 0.3; above about 0.4 they are not what the network was trained on, or are preprocessed otherwise (0 … 1 for 0 … 255,
/// BGR for RGB, no mean subtracted).
/// @param traced the network's graph with its batch norms, and `images` batches as it takes them
/// @param initial_share of the running statistics: what their initial values (mean 0, variance 1) still weigh, from 0
///        up to 1. After a few epochs with a momentum of 0.997 that is much; it is taken out
/// @throws UsageError when the network has no batch norm
double distance_from_training(const ClassifierImpl& model, const Graph& traced,
                              const std::vector<torch::Tensor>& images, double initial_share = 0);

/// The range that a method chooses for magnitudes: values above it are clipped.
/// @param histogram counts of |x| in equal bins from 0 to `largest`
/// @param steps 255 for unsigned, 127 for signed tensors
double choose_range(RangeMethod method, const torch::Tensor& histogram, double largest, int steps, double percentile);

}  // namespace assemble
