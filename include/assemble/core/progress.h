// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace assemble {

/// Progress of long work on stderr: a bar with rate and time left on a terminal, otherwise a plain line at most every
/// ten seconds and one at the end. Silent under set_quiet(true). One thread at a time may use an object.
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
  void show(bool last);

  std::string label_;
  std::string unit_;
  std::string note_;
  int64_t total_;
  int64_t done_ = 0;
  bool finished_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point shown_;
};

}  // namespace assemble
