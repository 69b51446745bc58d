// SPDX-License-Identifier: Apache-2.0
// Which processes of a job are alive.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "assemble/core/ranks.h"
#include "c10d.h"

namespace assemble {

/// Signs of life through the job's store: each process writes its own and reads those of all others. No clock of
/// another machine is looked at.
class RankWatch {
 public:
  using Duration = std::chrono::milliseconds;

  /// Gives the first sign and waits for those of all.
  /// @param patience how long a rank may be silent
  /// @param on_lost see ConnectOptions
  /// @throws RunError naming the ranks that do not come in time
  RankWatch(const Ranks& ranks, c10d::Store& store, Duration to_start, Duration patience,
            std::function<void(const std::string&)> on_lost);
  /// Ends the signs, as failed() or as done, and lets the others see it before the store goes that this process serves.
  ~RankWatch();
  RankWatch(const RankWatch&) = delete;
  RankWatch& operator=(const RankWatch&) = delete;

  /// An exchange with the others has failed: waits until it is known who is lost or has failed.
  /// @return what is to be said; nothing when all others go on
  std::optional<std::string> reason();
  /// Tells the others that this process ends with an error.
  void fail(const std::string& error);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sign {
    std::string text;
    Clock::time_point changed = Clock::now();
  };

  void wait_for_all(c10d::Store& store, Duration to_start) const;
  void watch();
  void judge_store();
  void look(const std::vector<std::string>& texts);
  void settle(const std::string& reason);
  void linger();
  std::string last_sign() const;

  const Ranks ranks_;
  const Duration patience_, interval_;
  const std::function<void(const std::string&)> on_lost_;
  Store store_;  // the watching thread's own connection
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Sign> signs_;
  std::optional<std::string> reason_;
  std::string own_error_;
  bool is_taken_ = false;     // somebody says the reason
  bool is_doubtful_ = false;  // an exchange failed: silence is judged sooner
  bool ends_ = false;
  Clock::time_point answered_ = Clock::now();  // by the store
  std::thread signals_, judge_;
};

}  // namespace assemble
