// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace assemble {

/// Starts threads that run `body`. When one cannot be started, `stop` must make those that were begun return; they are
/// joined.
/// @throws RunError saying how many could be started
std::vector<std::thread> start_threads(int count, const std::function<void()>& body, const std::function<void()>& stop);

/// Fixed number of worker threads over one queue of tasks.
class ThreadPool {
 public:
  /// @param threads number of workers, at least 1
  /// @throws RunError when the system gives fewer
  explicit ThreadPool(int threads);
  /// Runs what is queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()); }
  /// Queues a task. Tasks must not throw.
  void submit(std::function<void()> task);
  /// Calls body(i) for every i in [0, n) on at most threads() threads, the calling one among them, and waits. The first
  /// exception is thrown here; calls not begun by then are left out. May be called from within a task.
  void parallel_for(int64_t n, const std::function<void(int64_t)>& body);

 private:
  void work();
  void stop();

  std::deque<std::function<void()>> tasks_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;  // last: they use the others from their start
};

/// Cores this process may run on.
int available_cores();

}  // namespace assemble
