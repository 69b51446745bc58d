// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Appends scalars to an events.out.tfevents.* file that TensorBoard reads.
class TensorBoardWriter {
 public:
  /// Creates a new event file in `folder`. @throws RunError when it cannot be created
  explicit TensorBoardWriter(const fs::path& folder);
  /// Writes one event and flushes. @throws RunError when the disk is full
  void add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& scalars);
  const fs::path& path() const { return path_; }

 private:
  void append(std::span<const uint8_t> event);

  fs::path path_;
  std::ofstream stream_;
};

/// Drops the events after `step` from every event file in `folder`, and what a killed process wrote in part.
/// @throws RunError when a file cannot be written
void rewind_events(const fs::path& folder, int64_t step);

}  // namespace assemble
