// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "assemble/core/log.h"

namespace assemble {

/// Tells the sink of the log how far long work has come. One thread at a time may use an object.
class Progress {
 public:
  /// @param label what is being done
  /// @param total number of steps; 0 when unknown
  /// @param unit  what a step is, plural ("images")
  Progress(std::string label, int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Adds steps; `note` is shown behind the rate (for example "loss 1.93").
  void advance(int64_t steps, const std::string& note = "");
  /// Shows the final state once. Called by the destructor.
  void finish();

 private:
  void show();

  ProgressUpdate state_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace assemble
