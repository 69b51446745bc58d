// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/file.h"

namespace assemble {

/// Appends scalars, images and histograms to an events.out.tfevents.* file that TensorBoard reads.
class TensorBoardWriter {
 public:
  /// Creates a new event file in `folder`. @throws RunError when it cannot be created
  explicit TensorBoardWriter(const fs::path& folder);
  /// Writes one event and flushes. @throws RunError when the disk is full
  void add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& scalars);
  /// @param encoded a PNG or JPEG of this size
  void add_image(int64_t step, const std::string& tag, std::span<const uint8_t> encoded, int width, int height);
  /// How values are distributed: 30 intervals of equal width from the least to the largest.
  void add_histogram(int64_t step, const std::string& tag, std::span<const float> values);
  const fs::path& path() const { return path_; }

 private:
  void add(int64_t step, const std::string& summary);
  void append(std::span<const uint8_t> event);

  fs::path path_;
  std::ofstream stream_;
};

/// Drops the events after `step` from every event file in `folder`, and what a killed process wrote in part.
/// @throws RunError when a file cannot be written
void rewind_events(const fs::path& folder, int64_t step);

}  // namespace assemble
