// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/train/best_keeper.h"
#include "assemble/train/profile_observer.h"
#include "assemble/train/progress_observer.h"
#include "assemble/train/run_recorder.h"
#include "assemble/train/run_reporter.h"
#include "assemble/train/stop_rules.h"
#include "assemble/train/train_options.h"
#include "assemble/train/visual_recorder.h"

namespace assemble {

/// What `assemble train` has watch a run: progress is shown, the run folder is written, the best models are kept.
///
/// @code
/// RunFolder folder("run", /*resume=*/false);
/// RunObservers observers(folder, options);
/// Trainer(train, validation, options, observers.all()).run();
/// @endcode
class RunObservers {
 public:
  /// @param folder must outlive it
  /// @param tables that the page of the run shows
  RunObservers(RunFolder& folder, const TrainOptions& options, std::vector<TextTable> tables = {})
      : keeper_(folder.path(), options.keep_best, options.keep_every_evaluation),
        recorder_(folder, keeper_),
        visuals_(folder),
        reporter_(folder.path(), std::move(tables)),
        profile_(folder.path() / "trace.json") {}

  std::vector<TrainObserver*> all() {
    return {&progress_, &recorder_, &visuals_, &keeper_, &rules_, &profile_, &reporter_};
  }

 private:
  ProgressObserver progress_;
  BestKeeper keeper_;
  RunRecorder recorder_;
  VisualRecorder visuals_;
  StopRules rules_;
  RunReporter reporter_;
  ProfileObserver profile_;
};

}  // namespace assemble
