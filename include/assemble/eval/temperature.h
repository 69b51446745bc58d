// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "assemble/deploy/array.h"
#include "assemble/deploy/loss_type.h"

namespace assemble {

/// Temperatures that are looked for.
inline constexpr double kLeastTemperature = 0.05, kMostTemperature = 20;

/// Mean loss and expected calibration error (10 bins) of logits divided by a temperature.
struct Calibration {
  double loss = 0;
  double ece = 0;
};

/// @param logits [N, C], finite
/// @throws UsageError when there are no images, or labels are not as many
Calibration measure_calibration(const Matrix& logits, std::span<const int64_t> labels, LossType loss,
                                double temperature = 1);

/// The temperature T by which logits / T have the least mean loss: temperature scaling (Guo et al., "On calibration of
/// modern neural networks", arXiv 1706.04599). The loss is convex in 1 / T; T is found to four digits, in
/// [kLeastTemperature, kMostTemperature]. No image's class changes by it.
/// @throws as measure_calibration()
double fit_temperature(const Matrix& logits, std::span<const int64_t> labels, LossType loss);

/// What to expect of new images: the images in two halves, every second one, each measured with the temperature fitted
/// on the other.
/// @throws UsageError for fewer than two images
Calibration cross_fitted(const Matrix& logits, std::span<const int64_t> labels, LossType loss);

}  // namespace assemble
