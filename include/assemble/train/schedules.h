// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/core/choice.h"

namespace assemble {

enum class DecayType { kFixed, kExponential, kPolynomial, kPiecewise, kCosine };
inline constexpr auto kDecayTypes = choices<DecayType>("schedule.type", {{DecayType::kFixed, "fixed"},
                                                                         {DecayType::kExponential, "exponential"},
                                                                         {DecayType::kPolynomial, "polynomial"},
                                                                         {DecayType::kPiecewise, "piecewise"},
                                                                         {DecayType::kCosine, "cosine"}});

/// "fixed", "exponential", "polynomial", "piecewise" or "cosine". @throws UsageError otherwise, with the nearest
DecayType parse_decay_type(const std::string& name);

/// Learning rate a step. With S = steps an epoch, w = ⌊S · warmup_epochs⌋ and t = step - w:
///
/// - warm-up (step < w): base · step / w
/// - fixed: base
/// - exponential (staircase): base · factor^⌊t / ⌊S · epochs_per_decay⌋⌋
/// - polynomial (power 1): (base - end) · (1 - min(t, D) / D) + end, D = ⌊S · epochs_per_decay⌋
/// - piecewise: base · rates[i] of the interval that holds step, boundaries ⌊S · epoch⌋ belong to the interval before
/// - cosine: base · ½ (1 + cos(π · min(t, T) / T)), T = ⌊S · train_epochs⌋ - w
///
/// Reference: functions/model_fns.py of the original; values in f32 as there.
struct LearningRateSchedule {
  DecayType type = DecayType::kCosine;
  double base = 0.1;
  double steps_per_epoch = 1;
  double train_epochs = 100;
  double warmup_epochs = 0;
  double epochs_per_decay = 2;
  double decay_factor = 0.94;
  double end = 1e-4;
  std::vector<double> boundary_epochs{30, 60, 80, 90};
  std::vector<double> rates{1, 0.1, 0.01, 0.001, 1e-4};

  /// @throws UsageError when a value does not fit (no rate for each interval, boundaries not increasing, …)
  void check() const;
  double at(int64_t step) const;
};

/// DropBlock's keep probability: linear from `first` to `last` over `steps`, then `last`.
double keep_probability(double first, double last, int64_t steps, int64_t step);

}  // namespace assemble
