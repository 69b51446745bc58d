// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "assemble/core/file.h"
#include "assemble/train/observer.h"

namespace assemble {

/// Writes a trace of TrainOptions::profile steps (chrome_trace()), after two that warm up: LibTorch's operators,
/// forward and backward; the parts of a step; what the loader's threads read and prepare. On CUDA an operator's time is
/// that of its launch.
class ProfileObserver : public TrainObserver {
 public:
  explicit ProfileObserver(fs::path trace) : trace_(std::move(trace)) {}
  ~ProfileObserver() override;
  void on_step(Trainer& trainer, const StepReport& step) override;
  void on_end(Trainer& trainer) override;

 private:
  void begin();
  void write();

  fs::path trace_;
  int64_t steps_ = 0;
  uint64_t callback_ = 0;
  bool is_recording_ = false;
};

}  // namespace assemble
