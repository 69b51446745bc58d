// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/profile_observer.h"

#include <ATen/record_function.h>

#include "assemble/core/log.h"
#include "assemble/core/spans.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

constexpr int64_t kWarmUpSteps = 2;

struct OperatorBegan : at::ObserverContext {
  Clock::time_point time = Clock::now();
};

std::unique_ptr<at::ObserverContext> note_begin(const at::RecordFunction&) { return std::make_unique<OperatorBegan>(); }

void note_end(const at::RecordFunction& function, at::ObserverContext* began) {
  add_span("operator", function.name(), static_cast<OperatorBegan*>(began)->time, Clock::now());
}

}  // namespace

ProfileObserver::~ProfileObserver() {
  if (!is_recording_) return;
  at::removeCallback(callback_);
  end_spans();
}

void ProfileObserver::begin() {
  begin_spans();
  callback_ = at::addGlobalCallback(at::RecordFunctionCallback(note_begin, note_end)
                                        .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
  is_recording_ = true;
}

void ProfileObserver::write() {
  at::removeCallback(callback_);
  is_recording_ = false;
  const std::vector<Span> spans = end_spans();
  write_file(trace_, chrome_trace(spans));
  log_info(concat(trace_.string(), ": ", spans.size(), " spans of ", steps_ - kWarmUpSteps,
                  " steps, for chrome://tracing or https://ui.perfetto.dev"));
}

void ProfileObserver::on_step(Trainer& trainer, const StepReport&) {
  const int64_t wanted = trainer.options().profile;
  ++steps_;
  if (wanted > 0 && steps_ == kWarmUpSteps) begin();
  if (is_recording_ && steps_ == kWarmUpSteps + wanted) write();
}

void ProfileObserver::on_end(Trainer& trainer) {
  if (is_recording_ && steps_ > kWarmUpSteps) write();
  if (trainer.options().profile > 0 && steps_ <= kWarmUpSteps) {
    log_warning(concat("`profile` has no effect: it begins after ", kWarmUpSteps, " steps"));
  }
}

}  // namespace assemble
