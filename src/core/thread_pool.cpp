// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "assemble/core/error.h"

namespace assemble {
namespace {

/// State of one parallel_for. Helpers that start after the loop has ended find no index left and never touch `body`.
struct Loop {
  int64_t n;
  const std::function<void(int64_t)>* body;
  std::mutex mutex;
  std::condition_variable ended;
  int64_t next = 0;
  int64_t running = 0;
  std::exception_ptr failure;

  void run() {
    std::unique_lock lock(mutex);
    while (next < n) {
      const int64_t index = next++;
      ++running;
      lock.unlock();
      std::exception_ptr caught;
      try {
        (*body)(index);
      } catch (...) {
        caught = std::current_exception();
      }
      lock.lock();
      --running;
      if (caught && !failure) failure = caught;
      if (caught) next = n;
    }
    if (running == 0) ended.notify_all();
  }
};

}  // namespace

std::vector<std::thread> start_threads(int count, const std::function<void()>& body,
                                       const std::function<void()>& stop) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(count));
  try {
    while (static_cast<int>(threads.size()) < count) threads.emplace_back(body);
  } catch (const std::system_error& error) {
    stop();
    for (std::thread& thread : threads) thread.join();
    throw RunError("threads", concat("only ", threads.size(), " of ", count, " could be started: ", error.what()),
                   "ask for fewer, or raise the limits (ulimit -u, the container's number of processes)");
  }
  return threads;
}

ThreadPool::ThreadPool(int threads)
    : workers_(start_threads(
          std::max(threads, 1), [this] { work(); }, [this] { stop(); })) {}

ThreadPool::~ThreadPool() {
  stop();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
}

void ThreadPool::submit(std::function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void ThreadPool::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
  }
}

void ThreadPool::parallel_for(int64_t n, const std::function<void(int64_t)>& body) {
  auto loop = std::make_shared<Loop>();
  loop->n = n;
  loop->body = &body;
  const int64_t helpers = std::min<int64_t>(threads(), n) - 1;
  for (int64_t i = 0; i < helpers; ++i) submit([loop] { loop->run(); });
  loop->run();
  std::unique_lock lock(loop->mutex);
  loop->ended.wait(lock, [&] { return loop->running == 0; });
  if (loop->failure) std::rethrow_exception(std::exchange(loop->failure, nullptr));
}

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

}  // namespace assemble
