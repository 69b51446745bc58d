// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/temperature.h"

#include <array>
#include <cmath>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/classification.h"

namespace assemble {
namespace {

struct LabelledLogits {
  Matrix logits;
  std::vector<int64_t> labels;
};

/// The rows whose number has this remainder by 2.
LabelledLogits every_second(const Matrix& logits, std::span<const int64_t> labels, int64_t remainder) {
  LabelledLogits half{Matrix((logits.rows + 1 - remainder) / 2, logits.columns), {}};
  for (int64_t i = 0; i < half.logits.rows; ++i) {
    std::ranges::copy(logits.row(2 * i + remainder), half.logits.row(i).begin());
    half.labels.push_back(labels[static_cast<size_t>(2 * i + remainder)]);
  }
  return half;
}

void add_divided(ClassificationMeter& meter, const Matrix& logits, std::span<const int64_t> labels,
                 double temperature) {
  Matrix divided = logits;
  for (float& value : divided.values) value = static_cast<float>(value / temperature);
  meter.add(divided, labels);
}

Calibration calibration_of(const ClassificationMeter& meter) {
  const ClassificationResult result = meter.result();
  return {result.loss, result.ece};
}

}  // namespace

Calibration measure_calibration(const Matrix& logits, std::span<const int64_t> labels, LossType loss,
                                double temperature) {
  if (logits.rows == 0 || logits.rows != static_cast<int64_t>(labels.size())) {
    throw UsageError("calibration", concat("of ", logits.rows, " images with ", labels.size(), " labels"));
  }
  ClassificationMeter meter(logits.columns, loss);
  add_divided(meter, logits, labels, temperature);
  return calibration_of(meter);
}

double fit_temperature(const Matrix& logits, std::span<const int64_t> labels, LossType loss) {
  constexpr double kGolden = 0.6180339887498949, kPrecision = 1e-5;
  const auto loss_at = [&](double log_inverse) {
    return measure_calibration(logits, labels, loss, std::exp(-log_inverse)).loss;
  };
  double low = -std::log(kMostTemperature), high = -std::log(kLeastTemperature);
  double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
  double at_left = loss_at(left), at_right = loss_at(right);
  while (high - low > kPrecision) {
    if (at_left <= at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kGolden * (high - low);
      at_left = loss_at(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kGolden * (high - low);
      at_right = loss_at(right);
    }
  }
  return std::exp(-(low + high) / 2);
}

Calibration cross_fitted(const Matrix& logits, std::span<const int64_t> labels, LossType loss) {
  if (logits.rows < 2) throw UsageError("calibration", concat("of ", logits.rows, " images: it needs two or more"));
  const std::array halves{every_second(logits, labels, 0), every_second(logits, labels, 1)};
  ClassificationMeter meter(logits.columns, loss);
  for (size_t i = 0; i < halves.size(); ++i) {
    const LabelledLogits& other = halves[1 - i];
    add_divided(meter, halves[i].logits, halves[i].labels, fit_temperature(other.logits, other.labels, loss));
  }
  return calibration_of(meter);
}

}  // namespace assemble
