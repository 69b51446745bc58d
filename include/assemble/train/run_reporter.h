// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "assemble/core/file.h"
#include "assemble/report/report.h"
#include "assemble/train/observer.h"

namespace assemble {

/// Leaves a page about a run in its folder, report.html, when it ends: how the training went, and what the last
/// evaluation found. A run that ends before its first evaluation, or that is validated by retrieval, has none.
class RunReporter : public TrainObserver {
 public:
  /// @param folder of the run, in which RunRecorder writes summary.csv
  /// @param tables about the run that its page shows beside its own
  explicit RunReporter(fs::path folder, std::vector<TextTable> tables = {})
      : folder_(std::move(folder)), tables_(std::move(tables)) {}
  void on_end(Trainer& trainer) override;

 private:
  fs::path folder_;
  std::vector<TextTable> tables_;
};

}  // namespace assemble
