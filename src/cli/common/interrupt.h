// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <semaphore.h>

#include <array>
#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace assemble::cli {

/// Exit status of a run that a scheduler's signal has stopped, and that --resume goes on with: EX_TEMPFAIL.
inline constexpr int kStoppedStatus = 75;
/// @throws Error with it
[[noreturn]] void throw_stopped();

/// While alive, the first Ctrl-C (SIGINT), SIGTERM or SIGUSR1 asks the work that was given the token to stop at its
/// next safe point, which is said at once; a second one of its kind ends the process at once. Afterwards the handlers
/// that were found are back. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  /// Whether Ctrl-C asked, rather than a scheduler.
  static bool was_keyboard();

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGUSR1};

  std::stop_source stop_;
  sem_t wake_;                     ///< posted by the handler: a handler may not call request_stop itself
  std::atomic<bool> ends_{false};  ///< the guard's end posted it, no signal
  std::jthread waiter_;            ///< requests the stop
  std::array<struct sigaction, kSignals.size()> found_;
};

}  // namespace assemble::cli
