// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/random.h"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "assemble/core/math.h"

namespace assemble {
namespace {

/// Finaliser of SplitMix64: a bijection in which every input bit changes every output bit with probability near 1/2.
uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t{0xD2511F53u} * counter[0];
    uint64_t b = uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

Random::Random(uint64_t seed, RandomPurpose purpose, uint32_t epoch, uint64_t sample) {
  // The counter is full with epoch, sample and draw, so the purpose goes into the key.
  uint64_t key = mix(seed + 0x9E3779B97F4A7C15u * static_cast<uint64_t>(purpose));
  key_ = {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)};
  counter_ = {0, epoch, static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)};
}

void Random::refill() {
  block_ = philox4x32(counter_, key_);
  ++counter_[0];
  used_ = 0;
}

Random::result_type Random::operator()() {
  if (used_ == 4) refill();
  return block_[static_cast<size_t>(used_++)];
}

double Random::uniform() {
  uint64_t high = (*this)() >> 5;
  uint64_t low = (*this)() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

double Random::uniform(double low, double high) {
  double value = low + (high - low) * uniform();
  // Rounding can reach `high`.
  return value < high || low >= high ? value : std::nextafter(high, low);
}

uint64_t Random::integer(uint64_t n) {
  // Lemire, "Fast random integer generation in an interval", 2019: unbiased, rejects with probability below n / 2^64.
  const uint64_t rejected = (0 - n) % n;
  for (;;) {
    uint64_t high = (*this)();
    uint64_t bits = (high << 32) | (*this)();
    auto product = static_cast<unsigned __int128>(bits) * n;
    if (static_cast<uint64_t>(product) >= rejected) return static_cast<uint64_t>(product >> 64);
  }
}

bool Random::bernoulli(double probability) { return uniform() < probability; }

double Random::normal() {
  double radius = std::sqrt(-2.0 * math::log(1.0 - uniform()));  // 1 - u is never 0
  return radius * math::cos(2.0 * std::numbers::pi * uniform());
}

double Random::gamma(double shape) {
  if (shape < 1.0) {
    double power = math::pow(1.0 - uniform(), 1.0 / shape);
    return gamma(shape + 1.0) * power;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    double x = normal();
    double root = 1.0 + c * x;
    if (root <= 0.0) continue;
    double v = root * root * root;
    if (math::log(1.0 - uniform()) < 0.5 * x * x + d - d * v + d * math::log(v)) return d * v;
  }
}

double Random::beta(double a, double b) {
  double x = gamma(a);
  double y = gamma(b);
  // Both underflow to 0 for tiny a and b, where the distribution is all but the two end points.
  if (x + y == 0.0) return bernoulli(a / (a + b)) ? 1.0 : 0.0;
  return x / (x + y);
}

std::vector<int64_t> random_permutation(int64_t n, Random& random) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.integer(i)]);
  return order;
}

}  // namespace assemble
