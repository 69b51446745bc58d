// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "assemble/data/check.h"
#include "assemble/data/loader.h"
#include "assemble/eval/network.h"

namespace assemble {

/// Scores labels by the images around theirs: each of the k nearest others votes for its own label, with the weight
/// exp((its cosine similarity - the nearest's) / temperature). An image does not vote on itself, nor do copies of it.
/// As in confident learning (Northcutt et al., arXiv 1911.00068) the score is the share of the given label less that of
/// the best other one.
struct LabelScoreOptions {
  int64_t neighbours = 10;
  double temperature = 0.1;
};

/// @param embeddings [N, E]
/// @param labels     one a row, 0 or more
/// @param groups     one a row: rows of equal numbers are copies of each other; -1: of none
/// @return lowest first, of equal ones the lower row first; LabelScore::image is the row. Rows without a single voter
/// have
///         no score
/// @throws UsageError when the sizes differ; InputError for embeddings that are not finite
std::vector<LabelScore> score_labels(const Matrix& embeddings, std::span<const int64_t> labels,
                                     std::span<const int64_t> groups, const LabelScoreOptions& options = {});

/// Fills in CheckResult::label_scores for every image that has a label and can be read, and adds classes that the model
/// does not tell apart to the findings ("alike": a quarter of a class's images score below 0 for the same other one).
/// @param splits   those that were checked
/// @param embedder gives embeddings
/// @param name     of the network, for errors
/// @param loader   how images are prepared
/// @throws RunError naming the image whose embedding is not finite
void score_labels(CheckResult& result, const std::vector<OpenSplit>& splits, const Network& embedder,
                  const std::string& name, const LoaderOptions& loader);

}  // namespace assemble
