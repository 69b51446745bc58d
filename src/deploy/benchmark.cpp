// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/benchmark.h"

#include <ATen/CPUGeneratorImpl.h>

#include "assemble/core/progress.h"
#include "assemble/core/timing.h"

namespace assemble {
namespace {

BenchmarkResult summarise(const BenchmarkEntry& entry, const std::vector<double>& times,
                          const std::vector<double>& ratios) {
  const auto batch = static_cast<double>(entry.images.size(0));
  const double median = percentile(times, 0.5);
  return {.name = entry.name,
          .description = entry.engine->description(),
          .precision = entry.engine->precision(),
          .batch = entry.images.size(0),
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

std::vector<BenchmarkResult> run_interleaved(const std::vector<BenchmarkEntry>& entries,
                                             const BenchmarkOptions& options) {
  for (const BenchmarkEntry& entry : entries) {
    for (int i = 0; i < options.warm_up; ++i) entry.engine->run(entry.images);
  }
  std::vector<std::vector<double>> times(entries.size()), ratios(entries.size());
  Progress progress("measuring", 0, "rounds");
  const auto start = Clock::now();
  do {
    for (size_t e = 0; e < entries.size(); ++e) {
      const auto begin = Clock::now();
      entries[e].engine->run(entries[e].images);
      times[e].push_back(seconds_since(begin));
    }
    for (size_t e = 0; e < entries.size(); ++e) {
      const double first = times[0].back() / static_cast<double>(entries[0].images.size(0));
      ratios[e].push_back(first / (times[e].back() / static_cast<double>(entries[e].images.size(0))));
    }
    progress.advance(1);
  } while (seconds_since(start) < options.seconds);
  std::vector<BenchmarkResult> results;
  for (size_t e = 0; e < entries.size(); ++e) results.push_back(summarise(entries[e], times[e], ratios[e]));
  return results;
}

Graph peak_graph(bool quantised) {
  constexpr int64_t kChannels = 512, kSide = 16;
  const at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(0);
  constexpr float kScale = 1.f / 64;
  const ops::Quantise bytes{{kScale, false}};
  Graph graph;
  NodeId node = graph.add_input({}, {3, kSide, kSide});
  node = graph.add(
      ops::Convolution{
          .weight = torch::randn({kChannels, 3, 1, 1}, generator), .bias = {}, .padding = {}, .relu = true},
      {node});
  for (int layer = 0; layer < 8; ++layer) {
    if (quantised) node = graph.add(bytes, {node});
    node = graph.add(ops::Convolution{.weight = torch::randn({kChannels, kChannels, 3, 3}, generator) / 48,
                                      .bias = torch::zeros(kChannels),
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
