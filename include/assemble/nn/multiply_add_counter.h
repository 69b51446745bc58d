// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace assemble::nn {

/// Counts the multiply-adds of the convolutions and dense layers that run on this thread while it lives, for one image
/// of the batch. The batch may be empty: nothing is computed then, and the count is the same.
class MultiplyAddCounter {
 public:
  MultiplyAddCounter();
  ~MultiplyAddCounter();
  MultiplyAddCounter(const MultiplyAddCounter&) = delete;
  MultiplyAddCounter& operator=(const MultiplyAddCounter&) = delete;

  int64_t total() const { return total_; }
  /// Called by the layers; without a living counter it does nothing.
  static void add(int64_t multiply_adds);

 private:
  int64_t total_ = 0;
  MultiplyAddCounter* outer_;
};

}  // namespace assemble::nn
