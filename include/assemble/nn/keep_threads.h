// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>

namespace assemble {

/// Gives back the number of LibTorch's threads at the end of a scope: how many it has is the program's choice.
class KeepThreads {
 public:
  KeepThreads() = default;
  ~KeepThreads() { at::set_num_threads(before_); }
  KeepThreads(const KeepThreads&) = delete;
  KeepThreads& operator=(const KeepThreads&) = delete;

 private:
  int before_ = at::get_num_threads();
};

}  // namespace assemble
