// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "assemble/core/choice.h"

namespace assemble {

/// How alike two embeddings a and b are.
enum class Similarity {
  kCosine,     ///< a·b / (‖a‖ ‖b‖), with ‖x‖ = √max(Σx², 1e-12) as the original's l2_normalize
  kEuclidean,  ///< -½ ‖a - b‖²: the smaller the distance, the more alike
};
inline constexpr auto kSimilarities =
    choices<Similarity>("similarity", {{Similarity::kCosine, "cosine"}, {Similarity::kEuclidean, "euclidean"}});

/// "cosine" or "euclidean". @throws UsageError otherwise
Similarity parse_similarity(const std::string& name);
const char* similarity_name(Similarity similarity);

/// Settings of nearest_others. Tiles change speed and memory, never the result.
struct NearestOptions {
  Similarity similarity = Similarity::kCosine;
  int64_t k = 1;
  int64_t query_tile = 256;   ///< queries compared at a time
  int64_t index_tile = 4096;  ///< embeddings that they are compared with at a time
};

/// The k most similar other embeddings of each query, best first; of equally similar ones the lower row comes first
/// (as tf.nn.top_k). The query's own row is left out, another row with the same values is not.
///
/// Exact: similarities are those of double arithmetic on the f32 values. A matrix product in f32 with a bound on its
/// rounding error only rules out pairs that cannot be among the k, so the result does not depend on tiles, threads or
/// the BLAS library. At N embeddings of E values it takes N·E·4 + N·28 bytes beside the input, a tile of
/// query_tile · index_tile · 4 bytes and the result of Q·k·8 bytes; no N×N matrix is made. 50,000 × 128: 34 MiB at k
/// = 8.
///
/// @param embeddings [N, E], f32, on the CPU
/// @param queries [Q], int64: rows of `embeddings`
/// @return [Q, k], int64: rows of `embeddings`
/// @throws UsageError unless 1 <= k < N, or for a query that is no row; InputError naming the first embedding that is
///         not finite
torch::Tensor nearest_others(const torch::Tensor& embeddings, const torch::Tensor& queries,
                             const NearestOptions& options);

}  // namespace assemble
