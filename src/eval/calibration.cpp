// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/calibration.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"

namespace assemble {

CalibrationMeter::CalibrationMeter(int bins) : bins_(static_cast<size_t>(std::max(bins, 1))) {}

void CalibrationMeter::add(double confidence, bool correct) {
  if (!std::isfinite(confidence)) throw UsageError("calibration", concat(confidence, " is no probability"));
  const int last = static_cast<int>(bins_.size()) - 1;
  const int index = static_cast<int>(std::ceil(confidence * static_cast<double>(bins_.size()))) - 1;
  Bin& bin = bins_[static_cast<size_t>(std::clamp(index, 0, last))];
  ++bin.count;
  bin.confidence += confidence;
  bin.correct += correct;
  ++count_;
}

void CalibrationMeter::add(const std::vector<Bin>& bins) {
  if (bins.size() != bins_.size()) {
    throw UsageError("calibration", concat(bins.size(), " bins, expected ", bins_.size()));
  }
  for (size_t i = 0; i < bins.size(); ++i) {
    bins_[i].count += bins[i].count;
    bins_[i].confidence += bins[i].confidence;
    bins_[i].correct += bins[i].correct;
    count_ += bins[i].count;
  }
}

double CalibrationMeter::error() const {
  double error = 0;
  for (const Bin& bin : bins_) error += std::abs(static_cast<double>(bin.correct) - bin.confidence);
  return count_ == 0 ? 0 : error / static_cast<double>(count_);
}

}  // namespace assemble
