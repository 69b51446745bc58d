// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"

namespace assemble {
namespace {

/// The t beyond which a two-sided test finds a share `p` of all.
double student_quantile(double p, int64_t degrees) {
  double low = 0, high = 1;
  while (student_two_sided(high, degrees) > p) high *= 2;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (student_two_sided(middle, degrees) > p ? low : high) = middle;
  }
  return high;
}

constexpr size_t kResamples = 2000;

}  // namespace

Interval resampled_mean(std::span<const double> values, uint64_t seed) {
  const auto count = static_cast<double>(values.size());
  std::vector<double> means(kResamples);
  for (size_t r = 0; r < kResamples; ++r) {
    Random random(seed, RandomPurpose::kResample, 0, r);
    double sum = 0;
    for (size_t i = 0; i < values.size(); ++i) sum += values[random.integer(values.size())];
    means[r] = sum / count;
  }
  return {percentile(means, 0.025), percentile(means, 0.975)};
}

double student_two_sided(double t, int64_t degrees) {
  const double angle = std::atan(std::abs(t) / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle);
  const bool odd = degrees % 2 == 1;
  // 1 + 1/2 cos² + 1·3/(2·4) cos⁴ + … for even degrees; cos + 2/3 cos³ + 2·4/(3·5) cos⁵ + … for odd ones.
  double term = odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
  for (int64_t k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= static_cast<double>(k - 1) / static_cast<double>(k) * cosine * cosine;
    sum += term;
  }
  const double inside = odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
  return std::max(0.0, 1 - inside);
}

Estimate estimate(std::span<const double> values) {
  if (values.empty()) throw UsageError("estimate", "no values");
  const auto count = static_cast<double>(values.size());
  Estimate result{.runs = static_cast<int64_t>(values.size()),
                  .mean = std::accumulate(values.begin(), values.end(), 0.0) / count};
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.standard_error = std::sqrt(squares / (count - 1) / count);
  const double reach = *result.standard_error * student_quantile(0.05, result.runs - 1);
  result.low = result.mean - reach;
  result.high = result.mean + reach;
  return result;
}

PairedTest paired_test(std::span<const double> before, std::span<const double> after) {
  if (before.size() != after.size()) {
    throw UsageError("paired test", concat(before.size(), " values before, ", after.size(), " after"));
  }
  std::vector<double> changes;
  for (size_t i = 0; i < before.size(); ++i) changes.push_back(after[i] - before[i]);
  PairedTest test{.change = estimate(changes), .p = {}};
  if (test.change.standard_error.value_or(0) > 0) {
    test.p = student_two_sided(test.change.mean / *test.change.standard_error, test.change.runs - 1);
  }
  return test;
}

}  // namespace assemble
