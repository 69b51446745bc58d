// SPDX-License-Identifier: Apache-2.0
// What calibration learns of values and layers that are to be in 8 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace assemble {

/// What was seen of a value.
struct Seen {
  static constexpr size_t kBins = 2048;

  float least = 0, largest = 0;
  std::vector<double> histogram = std::vector<double>(kBins);  ///< of magnitudes up to the largest

  float magnitude() const { return std::max(largest, -least); }
  /// @return whether all of them are finite
  bool look(std::span<const float> values) {
    float sum = 0;  // NaN and infinity are in no extreme, but in this
    for (const float value : values) {
      least = std::min(least, value);
      largest = std::max(largest, value);
      sum += value - value;
    }
    return sum == 0;
  }
  /// Once everything was looked at.
  void count(std::span<const float> values) {
    const float bins_per_value = static_cast<float>(kBins) / magnitude();
    for (const float value : values) {
      ++histogram[std::min(static_cast<size_t>(std::abs(value) * bins_per_value), kBins - 1)];
    }
  }
};

/// What 8 bits do to the output of one layer, for inputs as in f32.
struct Errors {
  std::vector<double> sums = {};  ///< a value a channel
  double squares = 0;             ///< of the error
  double output = 0;              ///< squares of the output
  double positions = 0;           ///< that a channel has in all images together

  std::vector<float> mean() const {
    std::vector<float> means;
    for (const double sum : sums) means.push_back(static_cast<float>(sum / positions));
    return means;
  }
  /// @param corrected whether the mean goes into the bias, and is no error then
  double relative(bool corrected) const {
    double left = squares;
    for (const double sum : sums) left -= corrected ? sum * sum / positions : 0;
    return std::sqrt(std::max(left, 0.0) / std::max(output, 1e-30));
  }
};

}  // namespace assemble
