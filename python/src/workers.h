// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>

#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"

namespace assemble::python {

inline constexpr int kMostThreads = 1024;

/// @param threads as an argument says it, 0 for every core
/// @throws UsageError out of range
inline int count_threads(int threads) {
  if (threads < 0 || threads > kMostThreads) {
    throw UsageError("`threads`", concat(threads, " is out of range, expected 0 … ", kMostThreads));
  }
  return threads > 0 ? threads : available_cores();
}

/// Threads for so many tasks, the calling one beside them.
inline std::unique_ptr<ThreadPool> make_workers(int threads, size_t tasks) {
  const auto useful = static_cast<int>(std::min<size_t>(kMostThreads, std::max<size_t>(tasks, 1)));
  return std::make_unique<ThreadPool>(std::min(count_threads(threads), useful));
}

}  // namespace assemble::python
