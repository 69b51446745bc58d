// SPDX-License-Identifier: Apache-2.0
// Processes that are threads of one test, without LibTorch.
#pragma once

#include <gtest/gtest.h>

#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "assemble/core/exchange.h"

namespace assemble::test {

/// Where threads tell each other texts.
class Meeting {
 public:
  explicit Meeting(int world) : texts_(static_cast<size_t>(world)), all_(world) {}

  int world() const { return static_cast<int>(texts_.size()); }
  std::vector<std::string> gather(int rank, const std::string& text) {
    texts_[static_cast<size_t>(rank)] = text;
    all_.arrive_and_wait();
    std::vector<std::string> texts = texts_;
    all_.arrive_and_wait();
    return texts;
  }
  /// Goes on without this one.
  void leave() { all_.arrive_and_drop(); }

 private:
  std::vector<std::string> texts_;
  std::barrier<> all_;
};

class ThreadExchange : public Exchange {
 public:
  ThreadExchange(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int rank() const override { return rank_; }
  int world() const override { return meeting_.world(); }
  std::vector<std::string> gather(const std::string& text) override { return meeting_.gather(rank_, text); }

 private:
  Meeting& meeting_;
  int rank_;
};

/// Runs work(ranks) of each rank on a thread of its own. What one throws is a failure of the test.
inline void in_threads(int world, const std::function<void(Exchange& ranks)>& work) {
  Meeting meeting(world);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadExchange ranks(meeting, rank);
      try {
        work(ranks);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << ": " << error.what();
      }
      meeting.leave();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace assemble::test
