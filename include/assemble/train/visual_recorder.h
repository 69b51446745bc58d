// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/train/observer.h"
#include "assemble/train/run_folder.h"

namespace assemble {

/// Shows in TensorBoard, with each evaluation, what the network saw last, augmented but not mixed
/// (TrainOptions::log_images), and how its weights are distributed (TrainOptions::log_histograms).
class VisualRecorder : public TrainObserver {
 public:
  /// @param folder must outlive it
  explicit VisualRecorder(RunFolder& folder) : folder_(folder) {}
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override;

 private:
  RunFolder& folder_;
};

}  // namespace assemble
