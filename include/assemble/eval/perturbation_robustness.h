// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "assemble/data/perturb_set.h"
#include "assemble/eval/corruption_robustness.h"

namespace assemble {

/// @file
/// Stability under perturbation sequences (Hendrycks & Dietterich, ICLR 2019; reference ImageNet-P/test.py). Each frame
/// is compared to the one before it, and in sequences of noise to the first frame.
///
///   flip probability = share of comparisons whose predicted classes differ, mean over sequences
///   top-5 distance   = Σ_{j=0…4} |j - min(rank of the class that was at rank j, 5)|, mean over both
///   mFR  = 100 · mean over the 10 official kinds of (flip probability / the baseline's)
///   mT5D = 100 · mean over the 10 official kinds of (top-5 distance / the baseline's)

/// @param logits [frames, classes] of one sequence, at least two frames
/// @param to_first compare to the first frame instead of the previous one
double flip_share(const Matrix& logits, bool to_first);
double top5_distance(const Matrix& logits, bool to_first);

struct PerturbationResult {
  int64_t sequences = 0;
  double flip_probability = 0;  ///< in [0, 1]
  double top5_distance = 0;
};

/// By kind; what was not measured is absent.
using PerturbationResults = std::map<std::string, PerturbationResult>;

/// Of parts of the sequences, as if all of them had been measured at once.
/// @throws UsageError for no parts, and where one lacks what the first has
PerturbationResults merged(std::span<const PerturbationResults> parts);

nlohmann::ordered_json to_json(const PerturbationResults& results);
/// @throws InputError, naming `where`, when it is not what to_json() gives
PerturbationResults perturbation_results_from_json(const nlohmann::ordered_json& json, const std::string& where);

struct PerturbationBaseline {
  std::string name;
  std::map<std::string, double> flip_probabilities;
  std::map<std::string, double> top5_distances;
};

/// AlexNet's published flip probabilities on ImageNet-P. Its top-5 distances are not in the published code.
const PerturbationBaseline& alexnet_perturbation_baseline();
PerturbationBaseline baseline_of(const PerturbationResults& results, const std::string& name);

/// Ratios in percent. A mean is absent unless all 10 official kinds are there.
struct PerturbationScores {
  std::map<std::string, double> flip_rates;  ///< flip probability over the baseline's
  std::map<std::string, double> t5d;         ///< top-5 distance over the baseline's
  std::optional<double> mfr, mt5d;
  std::optional<double> unnormalised_fr;   ///< 100 · mean flip probability
  std::optional<double> unnormalised_t5d;  ///< mean top-5 distance
};
/// @throws InputError for a baseline with a flip probability outside [0, 1] or a distance below 0
PerturbationScores score_perturbations(const PerturbationResults& results, const PerturbationBaseline& baseline);

/// Measures one kind.
/// @param limit sequences to measure, spread evenly over the set; 0: all
PerturbationResult measure_perturbation(const MeasuredNetwork& network, const std::string& kind,
                                        const Sequences& sequences, int64_t limit);

/// Predictions under diagonal shifts of the crop (Zhang, "Making Convolutional Networks Shift-Invariant Again",
/// arXiv 1904.11486).
struct ShiftConsistency {
  int64_t images = 0;
  int largest_shift = 0;          ///< pixels between the first and the last crop
  double consistency = 0;         ///< share of pairs of crops with the same predicted class, mean over images
  std::vector<double> agreement;  ///< [d]: share of pairs d + 1 pixels apart with the same class
};

/// The short side is resized to the network's eval_resize, and crops are taken along the diagonal through the middle,
/// one a pixel.
/// @param shifts pixels between the first and the last crop; 0: as many as the resized image has room for, at most 32
/// @throws UsageError when the resized image has no room for them
ShiftConsistency measure_shift_consistency(const MeasuredNetwork& network, const Dataset& dataset, int shifts);

}  // namespace assemble
