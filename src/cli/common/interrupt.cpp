// SPDX-License-Identifier: Apache-2.0
#include "common/interrupt.h"

#include <atomic>
#include <cerrno>

#include "assemble/core/error.h"
#include "assemble/core/log.h"

namespace assemble::cli {
namespace {

std::atomic<sem_t*> to_wake{nullptr};
static_assert(std::atomic<sem_t*>::is_always_lock_free, "a signal handler may not wait for a lock");

std::atomic<int> latest_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);

void wake(int signal) {
  const int before = errno;
  latest_signal = signal;
  if (sem_t* semaphore = to_wake) sem_post(semaphore);
  errno = before;
}

}  // namespace

void throw_stopped() {
  throw Error(static_cast<ExitCode>(kStoppedStatus), "", "stopped by a signal", "--resume goes on from here");
}

bool InterruptGuard::was_keyboard() { return latest_signal == SIGINT; }

InterruptGuard::InterruptGuard() {
  latest_signal = 0;
  sem_init(&wake_, 0, 0);
  waiter_ = std::jthread([this] {
    while (sem_wait(&wake_) != 0) {  // interrupted by a signal of the program's
    }
    if (ends_) return;
    stop_.request_stop();
    log_info("stopping at the next safe point; a second signal ends the program at once");
  });
  to_wake = &wake_;
  struct sigaction action {};
  action.sa_handler = wake;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &found_[i]);
}

InterruptGuard::~InterruptGuard() {
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &found_[i], nullptr);
  to_wake = nullptr;
  ends_ = true;
  sem_post(&wake_);
  waiter_.join();
  sem_destroy(&wake_);
}

}  // namespace assemble::cli
