// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/thread_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>

#include "assemble/core/error.h"
#include "test_support.h"
#include "thread_limit.h"

namespace assemble {
namespace {

TEST(ThreadPool, RunsEveryTaskBeforeItEnds) {
  std::atomic<int> ran{0};
  {
    ThreadPool pool(3);
    EXPECT_EQ(pool.threads(), 3);
    for (int i = 0; i < 1000; ++i) pool.submit([&] { ++ran; });
  }
  EXPECT_EQ(ran, 1000);
}

TEST(ThreadPool, HasAtLeastOneThread) { EXPECT_EQ(ThreadPool(0).threads(), 1); }

TEST(ThreadPool, SaysWhenThereAreNoMoreThreads) {
  const test::NoMoreThreads limit;
  EXPECT_THAT(test::error_of<RunError>([] { ThreadPool(3); }), testing::HasSubstr("only 0 of 3 could be started"));
}

TEST(StartThreads, JoinsThoseThatWereBegunWhenOneCannotBe) {
  std::atomic<bool> stopped{false};
  std::atomic<int> begun{0}, ended{0};
  std::optional<test::NoMoreThreads> limit;
  const auto body = [&] {
    if (++begun == 1) limit.emplace();
    while (!stopped) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++ended;
  };
  EXPECT_THROW(start_threads(20000, body, [&] { stopped = true; }), RunError);
  EXPECT_GE(begun, 1);
  EXPECT_EQ(ended, begun);
}

TEST(ParallelFor, CallsEveryIndexOnce) {
  ThreadPool pool(4);
  for (int64_t n : {0, 1, 3, 1000}) {
    std::vector<std::atomic<int>> calls(static_cast<size_t>(n));
    pool.parallel_for(n, [&](int64_t i) { ++calls[static_cast<size_t>(i)]; });
    for (const auto& count : calls) ASSERT_EQ(count, 1);
  }
}

TEST(ParallelFor, UsesAtMostItsThreads) {
  ThreadPool pool(2);
  std::mutex mutex;
  std::set<std::thread::id> ids;
  pool.parallel_for(500, [&](int64_t) {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
    std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_LE(ids.size(), 2u);
}

TEST(ParallelFor, RunsAsManyCallsAtOnce) {
  ThreadPool pool(3);
  std::latch all(3);  // opens only when three calls are under way
  pool.parallel_for(3, [&](int64_t) { all.arrive_and_wait(); });
}

TEST(ParallelFor, ThrowsTheFirstExceptionAndStops) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  EXPECT_THROW(pool.parallel_for(1000000,
                                 [&](int64_t i) {
                                   ++calls;
                                   if (i == 10) throw std::runtime_error("ten");
                                 }),
               std::runtime_error);
  EXPECT_LT(calls, 1000000);
  std::atomic<int> after{0};
  pool.parallel_for(10, [&](int64_t) { ++after; });
  EXPECT_EQ(after, 10);
}

TEST(ParallelFor, MayBeNested) {
  ThreadPool pool(2);
  std::atomic<int> calls{0};
  pool.parallel_for(8, [&](int64_t) { pool.parallel_for(8, [&](int64_t) { ++calls; }); });
  EXPECT_EQ(calls, 64);
}

TEST(ParallelFor, GoesOnWhenEveryWorkerIsBusy) {
  std::mutex gate;
  gate.lock();
  ThreadPool pool(1);
  pool.submit([&] { std::lock_guard wait(gate); });
  int calls = 0;
  pool.parallel_for(3, [&](int64_t) { ++calls; });
  EXPECT_EQ(calls, 3);
  gate.unlock();
}

TEST(AvailableCores, IsAtLeastOne) { EXPECT_GE(available_cores(), 1); }

}  // namespace
}  // namespace assemble
