// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/eval/class_pairing.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/network.h"

namespace assemble {

/// One of the networks whose probabilities are averaged: p = Σ w_i · p_i / Σ w_i.
struct EnsembleMember {
  Network network;
  Outputs outputs;
  Preprocessing preprocessing;  ///< how this network sees an image
  double weight = 1;            ///< above 0
};

/// Whether probabilities of two networks can be averaged class by class.
/// @throws InputError naming the first class that differs
void require_same_classes(const ClassList& first, const ClassList& other);
/// @throws UsageError when the probabilities of one add up to 1 and those of the other need not
void require_same_probabilities(const Outputs& first, const Outputs& other);

/// Makes logits those whose probabilities are (1 - share) · their own + share · those of `more`.
/// @param logits,more [N, C]
/// @param share in [0, 1]
/// @param loss of both
void mix_in(Matrix& logits, const Matrix& more, double share, LossType loss);

/// Runs networks, whose probabilities are averaged, over a data set, each in its turn; with several, the answers so far
/// are kept in memory, images · classes floats. An image that cannot be read for one of them is left out, and a warning
/// says how many were.
/// @param members one or more, of the same classes
/// @param options its preprocessing is replaced by each member's
/// @param progress what is shown while it runs
/// @param see gets the images as the last one sees them, and their averaged logits
/// @throws RunError naming the first image for which a network's outputs are not finite
void run_ensemble(const std::vector<EnsembleMember>& members, const Dataset& dataset, LoaderOptions options,
                  const std::string& progress, const EvaluationWatch& see);

/// The same, measured as evaluate_part() does.
ClassificationMeter evaluate_ensemble(const std::vector<EnsembleMember>& members, const Dataset& dataset,
                                      const LoaderOptions& options, const std::string& progress = "",
                                      const EvaluationWatch& watch = {});

}  // namespace assemble
