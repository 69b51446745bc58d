// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
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

/// Parts of images for networks that are each trained without one: every class is spread over all of them, and copies
/// stay together.
/// @param labels, groups one an image, as score_labels() takes them
/// @return the part of each, 0 … parts - 1; the same for the same seed
std::vector<int> spread_over_parts(std::span<const int64_t> labels, std::span<const int64_t> groups, int parts,
                                   uint64_t seed);

/// Logits [N, classes] of every image by a network that was trained on the images of the other parts alone; not finite
/// where the image cannot be read.
using HeldOutLogits = std::function<Matrix(const Dataset& images, const std::vector<int>& part_of_each)>;

/// Fills in CheckResult::label_scores by what networks say that have not seen the image: the probability of its label
/// less that of the most probable other class. Adds classes that are alike, as below.
void score_labels(CheckResult& result, const std::vector<OpenSplit>& splits, int parts, const HeldOutLogits& logits);

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
