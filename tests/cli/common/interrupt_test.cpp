// SPDX-License-Identifier: Apache-2.0
#include "common/interrupt.h"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <semaphore>

#include "assemble/core/log.h"

namespace assemble::cli {
namespace {

volatile std::sig_atomic_t own_calls = 0;
void own_handler(int) { own_calls = own_calls + 1; }

/// A handler that was there before, and what was there before it.
class OwnHandler {
 public:
  explicit OwnHandler(int signal) : signal_(signal) {
    own_calls = 0;
    struct sigaction action {};
    action.sa_handler = own_handler;
    sigaction(signal_, &action, &before_);
  }
  ~OwnHandler() { sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

/// Whether a stop is requested within a minute.
bool is_stopped(const std::stop_token& token) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!token.stop_requested() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  return token.stop_requested();
}

TEST(InterruptGuard, TheFirstSignalRequestsAStop) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const InterruptGuard guard;
    EXPECT_FALSE(guard.token().stop_requested());
    EXPECT_FALSE(InterruptGuard::was_keyboard());
    std::raise(signal);
    EXPECT_TRUE(is_stopped(guard.token()));
    EXPECT_EQ(InterruptGuard::was_keyboard(), signal == SIGINT);
  }
}

TEST(InterruptGuard, SaysAtOnceThatASignalCame) {
  class Lines : public LogSink {
   public:
    void log(LogLevel, const std::string& message) override {
      text = message;
      said.release();
    }
    void show(const ProgressUpdate&) override {}
    std::string text;
    std::binary_semaphore said{0};
  };
  const auto lines = std::make_shared<Lines>();
  const ScopedLogSink sink(lines);
  const InterruptGuard guard;
  std::raise(SIGTERM);
  ASSERT_TRUE(lines->said.try_acquire_for(std::chrono::minutes(1))) << "though nothing looks at the token";
  EXPECT_EQ(lines->text, "stopping at the next safe point; a second signal ends the program at once");
}

TEST(InterruptGuard, WithoutASignalNothingIsRequested) {
  std::stop_token token;
  {
    const InterruptGuard guard;
    token = guard.token();
  }
  EXPECT_FALSE(token.stop_requested());
}

TEST(InterruptGuard, GivesBackTheHandlersItFound) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const OwnHandler own(signal);
    {
      const InterruptGuard guard;
      std::raise(signal);
      EXPECT_TRUE(is_stopped(guard.token()));
      EXPECT_EQ(own_calls, 0);
    }
    std::raise(signal);
    EXPECT_EQ(own_calls, 1) << "of signal " << signal;
  }
}

TEST(InterruptGuardDeathTest, ASecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        const InterruptGuard guard;
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      testing::KilledBySignal(SIGINT), "");
}

}  // namespace
}  // namespace assemble::cli
