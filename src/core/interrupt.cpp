// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/interrupt.h"

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

namespace assemble {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM};

std::atomic<bool> stop_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not wait for a lock");

std::mutex mutex;
int guards = 0;
std::array<struct sigaction, kSignals.size()> found;

void request_stop(int) { stop_requested = true; }

}  // namespace

InterruptGuard::InterruptGuard() {
  const std::lock_guard lock(mutex);
  if (guards++ > 0) return;
  stop_requested = false;
  struct sigaction action {};
  action.sa_handler = request_stop;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &found[i]);
}

InterruptGuard::~InterruptGuard() {
  const std::lock_guard lock(mutex);
  if (--guards > 0) return;
  for (size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &found[i], nullptr);
}

bool InterruptGuard::requested() const { return stop_requested; }

}  // namespace assemble
