// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/progress.h"

#include <utility>

#include "assemble/core/timing.h"

namespace assemble {

Progress::Progress(std::string label, int64_t total, std::string unit) : start_(Clock::now()), shown_(start_) {
  state_.label = std::move(label);
  state_.unit = std::move(unit);
  state_.total = total;
}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t steps, const std::string& note) {
  state_.done += steps;
  state_.note = note;
  if (Clock::now() - shown_ >= log_sink()->pause()) show();
}

void Progress::finish() {
  if (state_.is_last) return;
  state_.is_last = true;
  show();
}

void Progress::show() {
  shown_ = Clock::now();
  state_.seconds = seconds_since(start_);
  log_sink()->show(state_);
}

}  // namespace assemble
