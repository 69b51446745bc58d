// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "assemble/core/progress.h"
#include "assemble/train/observer.h"

namespace assemble {

/// Sends a run's progress, and a line for every validation, to the sink of the log.
class ProgressObserver : public TrainObserver {
 public:
  void on_begin(Trainer& trainer) override;
  void on_step(Trainer& trainer, const StepReport& step) override;
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override;
  void on_end(Trainer& trainer) override;

 private:
  std::optional<Progress> progress_;
};

}  // namespace assemble
