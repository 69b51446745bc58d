// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace assemble {

/// What a stream of random numbers is for. Streams of different purposes are independent.
enum class RandomPurpose : uint32_t {
  kAugment = 1,
  kShuffle = 2,
  kMixup = 3,
  kDropBlock = 4,
  kInitialise = 5,
  kDraw = 6,
  kSplit = 7,
  kCorrupt = 8,
  kCutMix = 9,
  kStochasticDepth = 10,
  kMixingSet = 11,
  kResample = 12,
};

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four uniform words of a counter
/// under a key.
std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Counter-based random numbers, drawn from philox4x32().
///
/// A stream is a pure function of (seed, purpose, epoch, sample), so results depend neither on the number of worker
/// threads nor on what was drawn before, and are the same on every platform. The key is the seed scrambled with the
/// purpose; the counter is {block of the stream, epoch, sample low, sample high}. A stream repeats after 2^34 words.
class Random {
 public:
  using result_type = uint32_t;

  Random(uint64_t seed, RandomPurpose purpose, uint32_t epoch = 0, uint64_t sample = 0);

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return UINT32_MAX; }

  /// 32 uniform bits.
  result_type operator()();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Uniform in [low, high).
  double uniform(double low, double high);
  /// Uniform integer in [0, n); n >= 1.
  uint64_t integer(uint64_t n);
  /// True with the given probability.
  bool bernoulli(double probability);
  /// Standard normal (Box-Muller).
  double normal();
  /// Gamma(shape, 1), shape > 0 (Marsaglia & Tsang 2000).
  double gamma(double shape);
  /// Beta(a, b), a > 0, b > 0.
  double beta(double a, double b);

  /// @name Many at once
  /// Ten to twenty times as fast as one by one, the same on every processor. Each call starts at a fresh block of the
  /// counter: what is left of the block that the calls above opened is dropped.
  /// @{

  /// The words that operator() would give from there.
  void fill_words(std::span<uint32_t> words);
  /// Uniform in [0, 1), multiples of 2^-24.
  void fill_uniform(std::span<float> values);
  /// Standard normal (Box-Muller, in single precision: within 5.9 deviations).
  void fill_normal(std::span<float> values);
  /// @}

 private:
  void refill();

  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

/// Uniform random permutation of 0 … n-1 (Fisher-Yates).
std::vector<int64_t> random_permutation(int64_t n, Random& random);

}  // namespace assemble
