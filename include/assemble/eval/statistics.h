// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace assemble {

/// @file
/// What a few runs with different seeds say of all such runs, by Student's t distribution; what some images say of
/// others, by resampling.

/// A mean of runs. Standard error and interval are absent for a single run.
struct Estimate {
  int64_t runs = 0;
  double mean = 0;
  std::optional<double> standard_error = {};  ///< of the mean
  std::optional<double> low = {}, high = {};  ///< 95 % confidence interval of the mean
};

/// @throws UsageError when there are no values
Estimate estimate(std::span<const double> values);

/// A paired t test.
struct PairedTest {
  Estimate change;          ///< of `after` against `before`
  std::optional<double> p;  ///< two-sided; absent for a single pair, and where all changes are the same
};

/// @param before one value a seed
/// @param after  of the same seeds, in the same order
/// @throws UsageError when they are not as many
PairedTest paired_test(std::span<const double> before, std::span<const double> after);

struct Interval {
  double low = 0, high = 0;
};

/// The 95 % interval of a mean over images, for others that might have been drawn in their place (percentile bootstrap,
/// 2,000 resamples).
/// @param values one an image, at least one
Interval resampled_mean(std::span<const double> values, uint64_t seed);

/// Two-sided probability that |T| exceeds |t|, for T of Student's distribution with whole degrees of freedom
/// (Abramowitz and Stegun, 26.7.3 and 26.7.4).
double student_two_sided(double t, int64_t degrees);

}  // namespace assemble
