// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "assemble/core/error.h"

namespace assemble {
namespace {

double linear(double first, double last, double duration, double t) {
  return (first - last) * (1 - std::clamp(t, 0.0, duration) / duration) + last;
}

void require_rate(const char* option, double value) {
  if (!(value >= 0 && std::isfinite(value))) throw UsageError(option, concat(value, " is below 0 or not finite"));
}

}  // namespace

DecayType parse_decay_type(const std::string& name) { return kDecayTypes.parse(name); }

void LearningRateSchedule::check() const {
  if (!(base > 0 && std::isfinite(base))) throw UsageError("`schedule.base`", concat(base, " is not above 0"));
  if (!(warmup_epochs >= 0 && warmup_epochs <= train_epochs)) {
    throw UsageError("`schedule.warmup_epochs`",
                     concat(warmup_epochs, " does not lie between 0 and `schedule.train_epochs` ", train_epochs),
                     "set it lower: a recipe may have set it for a longer run");
  }
  if (type == DecayType::kCosine &&
      std::floor(steps_per_epoch * train_epochs) <= std::floor(steps_per_epoch * warmup_epochs)) {
    throw UsageError("`schedule.warmup_epochs`", "leaves no steps for the cosine", "train longer or warm up for less");
  }
  const bool decays = type == DecayType::kExponential || type == DecayType::kPolynomial;
  if (decays && !(std::floor(steps_per_epoch * epochs_per_decay) >= 1 && std::isfinite(epochs_per_decay))) {
    throw UsageError("`schedule.epochs_per_decay`", concat(epochs_per_decay, " is less than one step"));
  }
  require_rate("`schedule.decay_factor`", decay_factor);
  require_rate("`schedule.end`", end);
  for (const double rate : rates) require_rate("`schedule.rates`", rate);
  for (const double epoch : boundary_epochs) require_rate("`schedule.boundary_epochs`", epoch);
  if (type != DecayType::kPiecewise) return;
  if (rates.size() != boundary_epochs.size() + 1) {
    throw UsageError("`schedule.rates`", concat("has ", rates.size(), " values, expected one more than the ",
                                                boundary_epochs.size(), " of `schedule.boundary_epochs`"));
  }
  if (!std::is_sorted(boundary_epochs.begin(), boundary_epochs.end())) {
    throw UsageError("`schedule.boundary_epochs`", "epochs must increase");
  }
}

double LearningRateSchedule::at(int64_t step) const {
  const double warmup_steps = std::floor(steps_per_epoch * warmup_epochs);
  const double now = static_cast<double>(step);
  if (now < warmup_steps) return base * now / warmup_steps;
  const double t = now - warmup_steps;
  const double decay_steps = std::floor(steps_per_epoch * epochs_per_decay);
  switch (type) {
    case DecayType::kFixed:
      return base;
    case DecayType::kExponential:
      return base * std::pow(decay_factor, std::floor(t / decay_steps));
    case DecayType::kPolynomial:
      return linear(base, end, decay_steps, t);
    case DecayType::kPiecewise: {
      size_t interval = 0;
      while (interval < boundary_epochs.size() && now > std::floor(steps_per_epoch * boundary_epochs[interval]))
        ++interval;
      return base * rates[interval];
    }
    case DecayType::kCosine: {
      const double duration = std::floor(steps_per_epoch * train_epochs) - warmup_steps;
      return base * 0.5 * (1 + std::cos(std::numbers::pi * std::min(t, duration) / duration));
    }
  }
  return base;
}

double keep_probability(double first, double last, int64_t steps, int64_t step) {
  return linear(first, last, static_cast<double>(std::max<int64_t>(steps, 1)), static_cast<double>(step));
}

}  // namespace assemble
