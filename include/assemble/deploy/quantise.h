// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "assemble/deploy/graph.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// How the range of an activation is chosen from what calibration saw.
enum class RangeMethod {
  kMinMax,      ///< everything fits
  kPercentile,  ///< a share of the values is clipped
  kMse,         ///< the least mean squared error of rounding and clipping
};

/// "min-max", "percentile" or "mse". @throws UsageError otherwise
RangeMethod parse_range_method(const std::string& name);

struct QuantiseOptions {
  RangeMethod range = RangeMethod::kMse;
  double percentile = 99.99;    ///< of kPercentile: per cent of the values that fit
  bool correct_bias = true;     ///< the mean error of each output channel goes into the bias (Nagel et al., arXiv 1906.04721)
  std::set<std::string> keep;   ///< convolutions that stay in f32, by name
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
/// Weights: symmetric, a scale for each output channel. Activations: a scale for each tensor, unsigned after ReLU, signed
/// and symmetric otherwise. Quantised are the inputs of convolutions, sums, means and average poolings, and both paths that
/// a selective kernel mixes. (A sum whose operands all have 8 bits is added by the convolution that makes one of them while
/// it writes.) The small convolutions of attention (SK, SE) stay in f32: they cost
/// nothing and everything passes through them.
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

/// How far what a network's first batch norm sees of the images is from what it saw in training, in its deviations: mean
/// over channels. Above about 0.5 the images are not what it was trained on, or are preprocessed otherwise.
/// @throws UsageError when the network has no first batch norm named bn1
double distance_from_training(ClassifierImpl& model, const Graph& traced, const torch::Tensor& images);

/// The range that a method chooses for magnitudes: values above it are clipped.
/// @param histogram counts of |x| in equal bins from 0 to `largest`
/// @param steps 255 for unsigned, 127 for signed tensors
double choose_range(RangeMethod method, const torch::Tensor& histogram, double largest, int steps, double percentile);

}  // namespace assemble
