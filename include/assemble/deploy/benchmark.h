// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "assemble/deploy/engine.h"

namespace assemble {

/// A batch of noise: normal values, as preprocessed images have them.
class RandomImages {
 public:
  RandomImages(int64_t count, int64_t side, float deviation = 60);
  /// As long as this lives.
  Images view() const { return {count_, side_, side_, pixels_.data()}; }

 private:
  int64_t count_, side_;
  std::vector<float> pixels_;
};

/// One network in a measurement.
struct BenchmarkEntry {
  std::string name;
  std::shared_ptr<Engine> engine;
  std::shared_ptr<const RandomImages> images;  ///< one batch
  int64_t multiply_adds = 0;  ///< of the network for one image
  double start_seconds = 0;   ///< what opening it took
};

struct BenchmarkOptions {
  double seconds = 10;  ///< of measuring, for all entries together
  int warm_up = 3;      ///< runs of each before
};

/// Times of one entry's batches.
struct BenchmarkResult {
  std::string name;
  std::string description;  ///< of the engine
  Precision precision = Precision::kF32;
  int64_t batch = 0;
  double start_seconds = 0;
  double images_per_second = 0;      ///< at the median time
  double lowest = 0, highest = 0;    ///< images a second at the 90th and 10th percentile of the times
  double p50 = 0, p95 = 0, p99 = 0;  ///< milliseconds a batch
  double multiply_adds_per_second = 0;
  double ratio = 1;  ///< median over rounds of the first entry's time divided by this one's, for as many images
  int rounds = 0;
};

/// Runs the entries in turns, one batch of each a round, so that what else the machine does meets all alike.
std::vector<BenchmarkResult> run_interleaved(const std::vector<BenchmarkEntry>& entries,
                                             const BenchmarkOptions& options);

/// A convolutional network that does nothing but multiply and add: eight convolutions of 3×3 with 512 channels on 16×16
/// pixels. What it reaches is taken as the machine's peak.
Graph peak_graph(bool quantised);

}  // namespace assemble
