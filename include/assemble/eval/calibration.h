// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace assemble {

/// Expected calibration error (Guo et al., arXiv 1706.04599) over equal bins of confidence:
/// Σ_b n_b / n · |accuracy_b - confidence_b|. A confidence on a border belongs to the bin below.
/// Reference: metric/ece_metric.py (10 bins).
class CalibrationMeter {
 public:
  /// One bin of the reliability diagram.
  struct Bin {
    int64_t count = 0;
    double confidence = 0;  ///< sum
    int64_t correct = 0;
  };

  explicit CalibrationMeter(int bins = 10);
  /// @param confidence probability of the predicted class, in [0, 1]
  /// @throws UsageError when it is not finite
  void add(double confidence, bool correct);
  /// Adds what other meters of as many bins have counted. @throws UsageError for another number of bins
  void add(const std::vector<Bin>& bins);
  /// In [0, 1]; 0 when nothing was added.
  double error() const;
  const std::vector<Bin>& bins() const { return bins_; }

 private:
  std::vector<Bin> bins_;
  int64_t count_ = 0;
};

}  // namespace assemble
