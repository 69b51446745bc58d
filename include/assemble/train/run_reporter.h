// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/core/file.h"
#include "assemble/train/observer.h"

namespace assemble {

/// Leaves a page about a run in its folder, report.html, when it ends: how the training went, and what the last
/// evaluation found. A run that ends before its first evaluation, or that is validated by retrieval, has none.
class RunReporter : public TrainObserver {
 public:
  /// @param folder of the run, in which RunRecorder writes summary.csv
  explicit RunReporter(fs::path folder) : folder_(std::move(folder)) {}
  void on_end(Trainer& trainer) override;

 private:
  fs::path folder_;
};

}  // namespace assemble
