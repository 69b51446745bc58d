// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/benchmark.h"

#include <random>

#include "assemble/core/progress.h"
#include "assemble/core/timing.h"

namespace assemble {
namespace {

double batch_of(const BenchmarkEntry& entry) { return static_cast<double>(entry.images->view().count); }

std::vector<float> noise(int64_t count, float deviation) {
  std::mt19937 generator(0);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

Array random_filters(int64_t out, int64_t in, int64_t kernel, float deviation) {
  return Array({out, in, kernel, kernel}, noise(out * in * kernel * kernel, deviation));
}

BenchmarkResult summarise(const BenchmarkEntry& entry, const std::vector<double>& times,
                          const std::vector<double>& ratios) {
  const auto batch = batch_of(entry);
  const double median = percentile(times, 0.5);
  return {.name = entry.name,
          .description = entry.engine->description(),
          .precision = entry.engine->precision(),
          .batch = entry.images->view().count,
          .start_seconds = entry.start_seconds,
          .images_per_second = batch / median,
          .lowest = batch / percentile(times, 0.9),
          .highest = batch / percentile(times, 0.1),
          .p50 = 1e3 * median,
          .p95 = 1e3 * percentile(times, 0.95),
          .p99 = 1e3 * percentile(times, 0.99),
          .multiply_adds_per_second = batch / median * static_cast<double>(entry.multiply_adds),
          .ratio = percentile(ratios, 0.5),
          .rounds = static_cast<int>(times.size())};
}

}  // namespace

RandomImages::RandomImages(int64_t count, int64_t side, float deviation)
    : count_(count), side_(side), pixels_(noise(count * side * side * Images::kChannels, deviation)) {}

std::vector<BenchmarkResult> run_interleaved(const std::vector<BenchmarkEntry>& entries,
                                             const BenchmarkOptions& options) {
  for (const BenchmarkEntry& entry : entries) {
    for (int i = 0; i < options.warm_up; ++i) entry.engine->run(entry.images->view());
  }
  std::vector<std::vector<double>> times(entries.size()), ratios(entries.size());
  Progress progress("measuring", 0, "rounds");
  const auto start = Clock::now();
  do {
    for (size_t e = 0; e < entries.size(); ++e) {
      const auto begin = Clock::now();
      entries[e].engine->run(entries[e].images->view());
      times[e].push_back(seconds_since(begin));
    }
    for (size_t e = 0; e < entries.size(); ++e) {
      const double first = times[0].back() / batch_of(entries[0]);
      ratios[e].push_back(first / (times[e].back() / batch_of(entries[e])));
    }
    progress.advance(1);
  } while (seconds_since(start) < options.seconds);
  std::vector<BenchmarkResult> results;
  for (size_t e = 0; e < entries.size(); ++e) results.push_back(summarise(entries[e], times[e], ratios[e]));
  return results;
}

Graph peak_graph(bool quantised) {
  constexpr int64_t kChannels = 512, kSide = 16;
  constexpr float kScale = 1.f / 64;
  const ops::Quantise bytes{{kScale, false}};
  Graph graph;
  NodeId node = graph.add_input({}, {3, kSide, kSide});
  node = graph.add(
      ops::Convolution{.weight = random_filters(kChannels, 3, 1, 1), .bias = {}, .padding = {}, .relu = true},
      {node});
  for (int layer = 0; layer < 8; ++layer) {
    if (quantised) node = graph.add(bytes, {node});
    node = graph.add(ops::Convolution{.weight = random_filters(kChannels, kChannels, 3, 1.f / 48),
                                      .bias = Array({kChannels}, std::vector<float>(kChannels)),
                                      .padding = {1, 1, 1, 1},
                                      .relu = true,
                                      .quantised = quantised,
                                      .input_scale = kScale},
                     {node});
  }
  node = graph.add(ops::Mean{}, {node});
  graph.add(ops::Reshape{{kChannels}}, {node});
  return graph;
}

}  // namespace assemble
