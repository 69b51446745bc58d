// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assemble/data/corrupt_set.h"
#include "assemble/eval/class_pairing.h"
#include "assemble/eval/classification.h"

namespace assemble {

/// @file
/// Robustness to common corruptions (Hendrycks & Dietterich, ICLR 2019). With E(f, c, s) the top-1 error of network f
/// under corruption c at severity s, and a baseline network b:
///
///   CE(c)          = 100 · Σ_s E(f, c, s) / Σ_s E(b, c, s)
///   relative CE(c) = 100 · Σ_s (E(f, c, s) - E(f, clean)) / Σ_s (E(b, c, s) - E(b, clean))
///
/// mCE and relative mCE are means over corruptions: over the official 15, or over all 19 as the paper of the assembled
/// networks does. The un-normalised mCE is 100 · the mean error, without a baseline.
///
/// ImageNet-C-bar (Mintun et al., arXiv 2102.11273) is published with mean errors alone: there are no AlexNet's to
/// divide by. Ratios over its ten corruptions are to networks of one's own.

/// A network on the images of one corruption and severity; shares in [0, 1].
struct CorruptionResult {
  int64_t images = 0;
  double error = 0;  ///< 1 - top-1
  double ece = 0;
  std::vector<CalibrationMeter::Bin> reliability = {};  ///< what the ECE is of; empty for results that were read
};

/// By corruption and severity; what was not measured is absent.
struct CorruptionResults {
  std::optional<CorruptionResult> clean;
  std::map<std::string, std::map<int, CorruptionResult>> corruptions;

  /// Mean error over the five severities; nothing unless all five are there.
  std::optional<double> mean_error(const std::string& corruption) const;
  std::optional<double> mean_ece(const std::string& corruption) const;
};

/// Of parts of the images, as if all of them had been measured at once.
/// @throws UsageError for no parts, parts without their reliability, and where one lacks what the first has
CorruptionResults merged(std::span<const CorruptionResults> parts);

nlohmann::ordered_json to_json(const CorruptionResults& results);
/// @throws InputError, naming `where`, when it is not what to_json() gives
CorruptionResults corruption_results_from_json(const nlohmann::ordered_json& json, const std::string& where);

/// What errors are divided by.
struct CorruptionBaseline {
  std::string name;
  std::optional<double> clean_error;
  std::map<std::string, double> errors;  ///< mean over severities
};

/// AlexNet's published errors on ImageNet-C (224×224); clean error 43.48 %, torchvision's, from which they come.
const CorruptionBaseline& alexnet_corruption_baseline();
/// Divides by nothing: scores have no CE, and no mCE but the un-normalised.
CorruptionBaseline no_corruption_baseline();
CorruptionBaseline baseline_of(const CorruptionResults& results, const std::string& name);

/// In percent. A mean is absent unless every corruption that it is over is there.
struct CorruptionScores {
  std::map<std::string, double> ce;
  std::map<std::string, double> relative_ce;
  std::optional<double> mce_15, mce_19;
  std::optional<double> unnormalised_15, unnormalised_19;
  std::optional<double> relative_15, relative_19;
  std::optional<double> mce_c_bar, unnormalised_c_bar, relative_c_bar;  ///< over the ten of ImageNet-C-bar
};
/// @throws InputError for a baseline whose errors are no shares in [0, 1]
CorruptionScores score_corruptions(const CorruptionResults& results, const CorruptionBaseline& baseline);

/// Where corrupted images come from.
struct CorruptionSource {
  fs::path stored;                   ///< a stored set, see stored_set.h; empty: made from `dataset`
  const Dataset* dataset = nullptr;  ///< clean images; may be null with a stored set
  CorruptSetOptions options;         ///< corruptions, severities, and how images are made
};

/// CORRUPTION/SEVERITY of the set that have no folder. Empty for sets made on the fly.
std::vector<std::string> missing_parts(const CorruptionSource& source);

/// A network to measure.
struct MeasuredNetwork {
  Network network;
  Outputs outputs;
  std::vector<std::string> class_names;
  LoaderOptions
      loader;  ///< with the network's preprocessing; images of a set are resized to eval_size and not cut again
  PairingOptions pairing = {};
};

/// How the classes of a source's images meet a network's outputs. Of a stored set these are the classes whose folders
/// lie in any of the parts to measure, so that each part is measured over the same outputs.
struct SourcePairing {
  std::optional<ClassPairing> clean;
  std::optional<ClassPairing> stored;

  /// Of the images that are measured under corruptions.
  const ClassPairing& corrupted() const { return stored ? *stored : *clean; }
};

/// @throws InputError as ClassPairing, and when other outputs compete for clean images than for the stored set's
SourcePairing pair_source(const MeasuredNetwork& network, const CorruptionSource& source);

/// Measures what `results` lacks, one corruption at a time. After each, `store` is called with the results so far.
/// Parts of a stored set that are missing are passed over: see missing_parts().
/// @throws InputError when the set's classes are not the network's
void measure_corruptions(const MeasuredNetwork& network, const CorruptionSource& source, CorruptionResults& results,
                         const std::function<void()>& store);

}  // namespace assemble
