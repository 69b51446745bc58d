// SPDX-License-Identifier: Apache-2.0
#include "torch/train/epoch_time.h"

#include "assemble/core/timing.h"
#include "torch/train/trial.h"

namespace assemble::cli {
namespace {

constexpr int64_t kWarmUp = 8;       // steps that are not timed: the first are slow,
constexpr int64_t kLeastSteps = 10;  // that are, for
constexpr double kLeastSeconds = 2;  // at least. Once
constexpr double kMostSeconds = 30;  // have passed, what there is must do

/// Ends a run once enough of its steps are timed.
class Stopwatch : public TrainObserver {
 public:
  void on_begin(Trainer&) override { from_ = began_ = Clock::now(); }
  void on_step(Trainer& trainer, const StepReport&) override {
    ++steps_;
    const double seconds = seconds_since(from_);
    const int64_t timed = steps_ > kWarmUp ? steps_ - kWarmUp : steps_;
    seconds_a_step_ = seconds / static_cast<double>(timed);
    const bool is_enough = steps_ > kWarmUp && timed >= kLeastSteps && seconds >= kLeastSeconds;
    if (is_enough || seconds_since(began_) > kMostSeconds) trainer.stop("timed");
    if (steps_ == kWarmUp) from_ = Clock::now();
  }

  double seconds_a_step() const { return seconds_a_step_; }

 private:
  Clock::time_point began_, from_;
  int64_t steps_ = 0;
  double seconds_a_step_ = 0;
};

}  // namespace

double seconds_an_epoch(const Dataset& train, const Dataset& validation, const TrainOptions& options,
                        const std::stop_token& stop) {
  const auto timed = [&](bool small) {
    Stopwatch stopwatch;
    const auto trainer = run_trial(train, validation, options, small, stopwatch, stop);
    return stopwatch.seconds_a_step() * static_cast<double>(trainer->steps_per_epoch());
  };
  const double share = options.small_size > 0 ? options.small_share : 0;
  double seconds = (1 - share) * timed(false);
  if (share > 0) seconds += share * timed(true);
  return seconds;
}

}  // namespace assemble::cli
