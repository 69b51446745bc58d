// SPDX-License-Identifier: Apache-2.0
// The eight nearest of 50,000 other embeddings of 128 values, for 2,048 of them, beside the plain way in tiles of the
// same size: matrix product, own column out, torch::topk. Items are queries.
#include <benchmark/benchmark.h>
#include <torch/torch.h>

#include <numeric>

#include "assemble/core/system.h"
#include "assemble/eval/nearest.h"
#include "assemble/trace/arrays.h"

namespace assemble {
namespace {

constexpr int64_t kIndex = 50000;
constexpr int64_t kWidth = 128;
constexpr int64_t kQueries = 2048;
constexpr int64_t kNearest = 8;

/// Clusters of ten, as of a trained network.
const torch::Tensor& embeddings() {
  static const torch::Tensor values = [] {
    torch::manual_seed(1);
    const torch::Tensor centres = torch::randn({kIndex / 10, kWidth}).repeat_interleave(10, 0);
    return (centres + 0.5 * torch::randn({kIndex, kWidth})).contiguous();
  }();
  return values;
}

void nearest(benchmark::State& state, Similarity similarity) {
  const Matrix matrix = to_matrix(embeddings());
  std::vector<int64_t> queries(kQueries);
  std::iota(queries.begin(), queries.end(), 0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(nearest_others(matrix, queries, {.similarity = similarity, .k = kNearest}));
  }
  state.SetItemsProcessed(state.iterations() * kQueries);
  state.counters["peak_mib"] = peak_memory_mib();
}

void matrix_product_and_topk(benchmark::State& state) {
  const int64_t tile = NearestOptions().query_tile;
  for (auto _ : state) {
    const torch::Tensor x = torch::nn::functional::normalize(embeddings());
    for (int64_t q = 0; q < kQueries; q += tile) {
      torch::Tensor scores = x.narrow(0, q, tile).mm(x.t());
      scores.diagonal(q).fill_(-2);
      benchmark::DoNotOptimize(scores.topk(kNearest, 1));
    }
  }
  state.SetItemsProcessed(state.iterations() * kQueries);
  state.counters["peak_mib"] = peak_memory_mib();
}

BENCHMARK_CAPTURE(nearest, cosine, Similarity::kCosine)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(nearest, euclidean, Similarity::kEuclidean)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(matrix_product_and_topk)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace assemble
