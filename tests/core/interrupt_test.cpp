// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <optional>
#include <thread>

namespace assemble {
namespace {

volatile std::sig_atomic_t own_calls = 0;
void own_handler(int) { own_calls = own_calls + 1; }

/// Installs a handler of the program that uses the library, and puts back what was there.
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

TEST(InterruptGuard, NotesTheFirstSignal) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const InterruptGuard guard;
    EXPECT_FALSE(guard.requested());
    std::raise(signal);
    EXPECT_TRUE(guard.requested());
  }
}

TEST(InterruptGuard, GivesBackTheHandlersItFound) {
  for (const int signal : {SIGINT, SIGTERM}) {
    const OwnHandler own(signal);
    {
      const InterruptGuard guard;
      std::raise(signal);
      EXPECT_TRUE(guard.requested());
      EXPECT_EQ(own_calls, 0);
    }
    std::raise(signal);
    EXPECT_EQ(own_calls, 1) << "of signal " << signal;
  }
}

TEST(InterruptGuard, TheInnerOfTwoLeavesTheOuterItsRequest) {
  const OwnHandler own(SIGINT);
  {
    const InterruptGuard outer;
    std::raise(SIGINT);
    {
      const InterruptGuard inner;
      EXPECT_TRUE(inner.requested());
    }
    EXPECT_TRUE(outer.requested());
    EXPECT_EQ(own_calls, 0);
  }
  std::raise(SIGINT);
  EXPECT_EQ(own_calls, 1);
}

TEST(InterruptGuard, TheLastOnAnyThreadGivesBackTheHandlers) {
  const OwnHandler own(SIGTERM);
  std::optional<InterruptGuard> first(std::in_place);
  std::thread([&] {
    const InterruptGuard second;
    first.reset();
    std::raise(SIGTERM);
    EXPECT_TRUE(second.requested());
  }).join();
  std::raise(SIGTERM);
  EXPECT_EQ(own_calls, 1);
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
}  // namespace assemble
