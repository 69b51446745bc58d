// SPDX-License-Identifier: Apache-2.0
// What a trainer's sources share.
#pragma once

#include "assemble/core/spans.h"
#include "assemble/core/timing.h"

namespace assemble {

inline constexpr const char* kDivergedHint =
    "lower `schedule.base`, warm up for longer, clip gradients, or check the labels";

/// Adds the time until it is destroyed to a counter.
class Timed {
 public:
  Timed(double& counter, const char* part) : counter_(counter), start_(Clock::now()), span_("training", part) {}
  ~Timed() { counter_ += seconds_since(start_); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& counter_;
  Clock::time_point start_;
  ScopedSpan span_;
};

}  // namespace assemble
