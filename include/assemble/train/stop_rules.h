// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "assemble/train/observer.h"

namespace assemble {

/// Ends a run before its last epoch: TrainOptions::max_steps, stop_at, patience and max_minutes. The learning rate is
/// that of the whole run, so that a run which goes on is the same as one that was never stopped. A run that goes on
/// under a rule which has ended it already ends at once.
class StopRules : public TrainObserver {
 public:
  void on_begin(Trainer& trainer) override;
  void on_step(Trainer& trainer, const StepReport& step) override;
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override;

 private:
  std::chrono::steady_clock::time_point began_;
};

}  // namespace assemble
