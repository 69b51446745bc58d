// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "assemble/nn/cuda_runtime.h"
#include "assemble/train/mixup.h"

namespace assemble {

/// Takes training steps, and after some of one image size launches each as a whole, as it was recorded: hundreds of
/// kernels cost the CPU one call. The steps before are called as they are; the device's libraries choose their
/// algorithms meanwhile. Where a step cannot be recorded, a warning says so, and all are called.
class StepRecorder {
 public:
  /// A whole step on a batch, which waits for nothing. @return what is to be known of it, on the device
  using Step = std::function<torch::Tensor(const LabelledBatch& batch)>;
  /// Notes what `work` launches, without it being done: CudaRuntime::record() without warm-up.
  using Record = std::function<std::unique_ptr<RecordedWork>(const std::function<void()>& work)>;

  /// @param record none: every step is called
  /// @param called steps of each size before the one that is recorded
  StepRecorder(Step step, Record record, int called = 3)
      : step_(std::move(step)), record_(std::move(record)), called_first_(called) {}

  /// @return the step's result, which the next step may overwrite
  torch::Tensor operator()(const LabelledBatch& batch);
  bool has_recorded() const { return recorded_ != nullptr; }

 private:
  bool record(const LabelledBatch& batch);

  Step step_;
  Record record_;
  int called_first_;
  int called_ = 0;  // of this size
  LabelledBatch kept_;
  torch::Tensor result_;
  std::unique_ptr<RecordedWork> recorded_;  // of kept_, into result_
};

}  // namespace assemble
