// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>

#include "assemble/train/best_keeper.h"
#include "assemble/train/observer.h"
#include "assemble/train/run_folder.h"

namespace assemble {

/// Writes a run into its folder: metrics, summary, the last model, and as often as
/// TrainOptions::checkpoint_every says the checkpoint to go on from. Checkpoints are written beside the steps that
/// follow; what fails is thrown with the next one, or at the end.
class RunRecorder : public TrainObserver {
 public:
  /// @param folder,keeper must outlive it; the checkpoint says what the keeper keeps
  RunRecorder(RunFolder& folder, const BestKeeper& keeper) : folder_(folder), keeper_(keeper) {}

  void on_begin(Trainer& trainer) override;
  void on_step(Trainer& trainer, const StepReport& step) override;
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override;
  void on_epoch(Trainer& trainer) override;
  void on_end(Trainer& trainer) override;

 private:
  bool is_checkpoint_due(const Trainer& trainer) const;
  void save_checkpoint(Trainer& trainer);
  void finish_checkpoint();

  RunFolder& folder_;
  const BestKeeper& keeper_;
  int64_t saved_step_ = 0;  // of the last checkpoint
  std::chrono::steady_clock::time_point saved_at_;
  std::future<void> writing_;  // last: it ends before what it uses
};

}  // namespace assemble
