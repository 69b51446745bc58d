// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace assemble {

/// What the same images say of two classifiers.
struct PairedAnswers {
  int64_t images = 0;
  int64_t only_first = 0;    ///< images that the first has right and the second has not
  int64_t only_second = 0;   ///< the other way round
  double difference = 0;     ///< top-1 of the second less that of the first, in [-1, 1]
  double low = 0, high = 0;  ///< its 95 % interval over resampled images (percentile bootstrap)
  double p = 1;              ///< of McNemar's exact test: two-sided probability of a split as uneven were both alike
};

/// @param first,second whether each image was classified right
/// @param seed of the resampling
/// @throws UsageError when they are not as many, or none
PairedAnswers pair_answers(std::span<const uint8_t> first, std::span<const uint8_t> second, uint64_t seed = 0);

/// min(1, 2 · P(X ≤ min(a, b))) for X of Binomial(a + b, ½) (McNemar, "Note on the sampling error of the difference
/// between correlated proportions", 1947, in its exact form).
double mcnemar_exact(int64_t a, int64_t b);

}  // namespace assemble
