// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/exchange.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/ensemble.h"
#include "assemble/eval/perturbation_robustness.h"

namespace assemble {

/// @file
/// Robustness of several networks on the same images, and of networks whose probabilities are averaged. Each gets the
/// figures that it gets alone; what they look at is made once.

/// Networks whose averaged answers are measured, or one.
struct MeasuredEnsemble {
  std::vector<EnsembleMember> members;
  std::vector<std::string> class_names;
  /// Its preprocessing is replaced by each member's, its rank and world by those of the processes. Its views are
  /// averaged over: corrupted images are cut already, so one view and its mirror image do not cut them again, and the
  /// others scale them to where they cut; frames have no others.
  LoaderOptions loader;
  PairingOptions pairing = {};
};

/// One network.
MeasuredEnsemble ensemble_of(const MeasuredNetwork& network);

/// @throws as pair_source() of a network
SourcePairing pair_source(const MeasuredEnsemble& ensemble, const CorruptionSource& source);

/// At how many of the severities each image of a corruption was taken for another class.
struct WrongAnswers {
  int severities = 0;
  std::vector<int> counts;  ///< by image; -1 where it was not read at all of them
};

struct CorruptionFindings {
  CorruptionResults results;
  std::map<std::string, WrongAnswers> wrong = {};  ///< by corruption
};

nlohmann::ordered_json wrong_to_json(const CorruptionFindings& findings);
/// @throws InputError, naming `where`, when it is not what wrong_to_json() gives
std::map<std::string, WrongAnswers> wrong_from_json(const nlohmann::ordered_json& json, const std::string& where);

/// Measures what each of `findings` lacks, one corruption of one ensemble at a time, on images that are made once for
/// all of them. After each, `store` is called with the ensemble's place.
/// @param ranks processes that share the images, each of which is measured once; all call it with the same data and
///        findings, and all get the whole result
/// @throws InputError, naming the rank, when another process has other images
void measure_corruptions(std::span<const MeasuredEnsemble> ensembles, const CorruptionSource& source,
                         std::span<CorruptionFindings> findings, const std::function<void(size_t ensemble)>& store,
                         Exchange& ranks);

/// What the same images say of the errors of two, under all corruptions that both were measured on.
struct PairedErrors {
  int64_t images = 0;
  double difference = 0;     ///< mean error of the second less that of the first, in [-1, 1]
  double low = 0, high = 0;  ///< its 95 % interval over resampled images (percentile bootstrap)
};

/// @return nothing where they have no corruption in common, or not the same number of images under each
std::optional<PairedErrors> pair_errors(const CorruptionFindings& first, const CorruptionFindings& second,
                                        uint64_t seed = 0);

/// As of a network. @throws UsageError for views other than one and its mirror image, as frames are cut already
/// @param ranks processes that share the sequences; all get the result of one that has them all, bit for bit
PerturbationResult measure_perturbation(const MeasuredEnsemble& ensemble, const std::string& kind,
                                        const Sequences& sequences, int64_t limit, Exchange& ranks);
/// As of a network. @param ranks as of measure_perturbation()
ShiftConsistency measure_shift_consistency(const MeasuredEnsemble& ensemble, const Dataset& dataset, int shifts,
                                           Exchange& ranks);

}  // namespace assemble
