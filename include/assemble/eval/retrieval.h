// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "assemble/data/loader.h"
#include "assemble/eval/nearest.h"
#include "assemble/eval/network.h"

namespace assemble {

/// Label of an image that is in the index but not queried.
inline constexpr int64_t kDistractor = -1;

/// Embeddings of a set of images.
struct EmbeddedImages {
  Matrix embeddings;                    ///< [N, E]
  std::vector<int64_t> labels;          ///< kDistractor for distractors
  std::vector<std::string> names = {};  ///< where the images come from, as embed_images() read them
};

/// Runs a network over an evaluation loader. Memory: N·E·4 bytes and the names beside the loader's.
/// @param embedder gives embeddings, as open_embedder()'s engine
/// @param name of the network, for errors
/// @param progress shown while it runs; empty for none
/// @throws RunError naming the image whose embedding is not finite; InputError when not one image could be read
EmbeddedImages embed_images(const Network& embedder, const std::string& name, Loader& loader,
                            const std::string& progress = "");

/// Adds images to the index as distractors, whatever their labels are.
/// @throws UsageError when the embeddings have another size
EmbeddedImages with_distractors(EmbeddedImages images, const Matrix& distractors);

/// Measures of retrieval.
struct RetrievalResult {
  int64_t queries = 0;
  int64_t distractors = 0;
  int64_t classes = 0;         ///< of the queries
  int64_t without_match = 0;   ///< queries that are their class's only image: they count as misses
  int64_t embedding_size = 0;  ///< E
  Similarity similarity = Similarity::kCosine;
  std::vector<std::pair<int64_t, double>> recall;  ///< (k, recall\@k in [0, 1]), as asked for
  double map_at_r = 0;                             ///< mean average precision at R, in [0, 1]
};

/// recall\@k: the share of queries with an image of their class among the k most similar others. Every image but the
/// distractors is a query, and every other image is in its index.
/// Reference: metric/recall_metric.py; where embeddings tie, the one that comes first counts as nearer, as there.
///
/// Mean average precision at R (Musgrave et al., arXiv 2003.08505): with R other images of a query's class in the
/// index, 1/R · Σ over the places i = 1 … R that hold one of them of the share of them among the first i; the mean over
/// the queries. It is 1 where all of the class come first, and 0 for a query that is its class's only image. Memory
/// beside the embeddings' stays below 64 MiB for any R.
/// @param recall_at values of k, not empty
/// @throws UsageError for a k that is no 1 … N - 1, and when all are distractors; InputError for embeddings that are
///         not finite
RetrievalResult measure_retrieval(const EmbeddedImages& images, Similarity similarity,
                                  const std::vector<int64_t>& recall_at);

/// The result as `eval --retrieval` prints it: images, classes, distractors, images_without_match, embedding_size,
/// similarity, "recall@K" for every K and "map@r".
nlohmann::ordered_json to_json(const RetrievalResult& result);
std::string to_text(const RetrievalResult& result);

}  // namespace assemble
