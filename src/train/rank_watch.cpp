// SPDX-License-Identifier: Apache-2.0
#include "rank_watch.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "job_store.h"

namespace assemble {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestInterval{1500};
constexpr int kIntervalsOfPatience = 20;
/// Of silence, once an exchange has failed; of delay, after which this process itself was stopped.
constexpr int kSilentIntervals = 4;
/// For the thread that waits for a lost rank to find out by itself.
constexpr milliseconds kGrace{3000};
constexpr milliseconds kLongestLinger{10'000};
constexpr milliseconds kLingerInterval{50};

constexpr const char* kDoneSign = "done";
constexpr std::string_view kFailedSign = "failed\n";  // and its error
constexpr std::string_view kLostSign = "lost\n";      // and the reason, which another rank is

std::string key_of(int rank) { return concat("sign/", rank); }

bool is_final(const std::string& sign) {
  return sign == kDoneSign || sign.starts_with(kFailedSign) || sign.starts_with(kLostSign);
}

/// "rank 1", "ranks 1, 2"
std::string named(const std::vector<int>& ranks) {
  std::vector<std::string> numbers;
  for (const int rank : ranks) numbers.push_back(std::to_string(rank));
  return (ranks.size() == 1 ? "rank " : "ranks ") + join(numbers, ", ");
}

std::string seconds(milliseconds time) { return format_number(static_cast<double>(time.count()) / 1000, 1) + " s"; }

}  // namespace

RankWatch::RankWatch(const Ranks& ranks, c10d::Store& store, Duration to_start, Duration patience,
                     std::function<void(const std::string&)> on_lost)
    : ranks_(ranks),
      patience_(patience),
      interval_(std::min(kLongestInterval, patience / kIntervalsOfPatience)),
      on_lost_(std::move(on_lost)),
      store_(open_store(ranks, to_start, /*serves=*/false)),
      signs_(static_cast<size_t>(ranks.world)) {
  set_text(store, key_of(ranks.rank), "0");
  wait_for_all(store, to_start);
  for (Sign& sign : signs_) sign.changed = Clock::now();
  answered_ = Clock::now();
  signals_ = std::thread([this] { watch(); });
  judge_ = std::thread([this] { judge_store(); });
}

RankWatch::~RankWatch() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  signals_.join();
  judge_.join();
}

void RankWatch::wait_for_all(c10d::Store& store, Duration to_start) const {
  std::vector<std::string> keys;
  for (int rank = 0; rank < ranks_.world; ++rank) keys.push_back(key_of(rank));
  try {
    store.wait(keys, to_start);
  } catch (const c10::Error&) {
    std::vector<int> missing;
    for (int rank = 0; rank < ranks_.world; ++rank) {
      if (!store.check({key_of(rank)})) missing.push_back(rank);
    }
    if (missing.empty()) throw;
    throw RunError(ranks_.where(),
                   concat(ranks_.name(), ": ", named(missing), " did not come within ", seconds(to_start)),
                   "start every rank, with the same address and port");
  }
}

/// Gives signs and reads those of the others, until the end.
void RankWatch::watch() {
  std::vector<std::string> keys;
  for (int rank = 0; rank < ranks_.world; ++rank) keys.push_back(key_of(rank));
  std::unique_lock lock(mutex_);
  try {
    for (int64_t count = 1; !ends_; ++count) {
      lock.unlock();
      set_text(*store_, key_of(ranks_.rank), std::to_string(count));
      std::vector<std::string> texts;
      for (const std::vector<uint8_t>& text : store_->multiGet(keys)) texts.emplace_back(text.begin(), text.end());
      lock.lock();
      look(texts);
      changed_.wait_for(lock, interval_, [&] { return ends_; });
    }
    const std::string last = last_sign();
    lock.unlock();
    set_text(*store_, key_of(ranks_.rank), last);
    if (ranks_.rank == 0 && !ranks_.launcher_listens) linger();
  } catch (const std::exception&) {
    if (!lock.owns_lock()) lock.lock();
    if (!ends_) {
      settle(ranks_.launcher_listens ? concat("the launcher at ", ranks_.where(), " does not answer any more")
                                     : concat("rank 0 at ", ranks_.where(), " does not answer any more"));
    }
  }
}

std::string RankWatch::last_sign() const {
  if (reason_) return concat(kLostSign, *reason_);
  return own_error_.empty() ? kDoneSign : concat(kFailedSign, own_error_);
}

/// A server that is stopped lets the thread that watches wait.
void RankWatch::judge_store() {
  std::unique_lock lock(mutex_);
  while (!ends_ && !reason_) {
    const Clock::time_point before = Clock::now();
    changed_.wait_for(lock, interval_, [&] { return ends_ || reason_; });
    const Clock::time_point now = Clock::now();
    if (now - before > kSilentIntervals * interval_) answered_ = now;  // this process itself was stopped
    if (now - answered_ > patience_ && !reason_) {
      settle(concat(ranks_.launcher_listens ? "the launcher" : "rank 0", " at ", ranks_.where(),
                    " has not answered for ", seconds(patience_)));
    }
  }
  if (!reason_ || !on_lost_) return;
  changed_.wait_for(lock, kGrace, [&] { return ends_ || is_taken_; });
  if (ends_ || is_taken_) return;
  const std::string reason = *reason_;
  lock.unlock();
  on_lost_(reason);
}

void RankWatch::look(const std::vector<std::string>& texts) {
  const Clock::time_point now = Clock::now();
  const bool was_stopped = now - answered_ > patience_ / 2;
  answered_ = now;
  const Duration limit = is_doubtful_ ? kSilentIntervals * interval_ : patience_;
  std::vector<int> silent;
  for (int rank = 0; rank < ranks_.world; ++rank) {
    Sign& sign = signs_[static_cast<size_t>(rank)];
    const std::string& text = texts[static_cast<size_t>(rank)];
    if (sign.text != text || was_stopped) sign = {text, now};
    if (rank == ranks_.rank || text == kDoneSign) continue;
    if (text.starts_with(kFailedSign)) return settle(concat("rank ", rank, ": ", text.substr(kFailedSign.size())));
    if (text.starts_with(kLostSign)) return settle(text.substr(kLostSign.size()));
    if (now - sign.changed > limit) silent.push_back(rank);
  }
  if (silent.empty()) return;
  settle(concat(named(silent), silent.size() == 1 ? " has" : " have",
                " ended, hangs or cannot be reached: no sign of life for ", seconds(limit)));
}

void RankWatch::settle(const std::string& reason) {
  if (!reason_) reason_ = reason;
  changed_.notify_all();
}

/// The server must live until the others have seen how this process ended.
void RankWatch::linger() {
  const Clock::time_point end = Clock::now() + std::min(patience_, kLongestLinger);
  for (int rank = 1; rank < ranks_.world && Clock::now() < end; ++rank) {
    while (!is_final(get_text(*store_, key_of(rank))) && Clock::now() < end)
      std::this_thread::sleep_for(kLingerInterval);
  }
}

std::optional<std::string> RankWatch::reason() {
  std::unique_lock lock(mutex_);
  const Clock::time_point now = Clock::now();
  is_doubtful_ = true;
  for (Sign& sign : signs_) sign.changed = now;
  const Clock::time_point soon = now + 3 * kSilentIntervals * interval_;
  changed_.wait_until(lock, soon, [&] { return reason_.has_value(); });
  // Where the store does not answer either, that is what will be the reason.
  if (!reason_ && Clock::now() - answered_ > kSilentIntervals * interval_) {
    changed_.wait_until(lock, now + patience_ + kLongestInterval, [&] { return reason_.has_value(); });
  }
  is_doubtful_ = false;
  is_taken_ = reason_.has_value();
  changed_.notify_all();
  return reason_;
}

void RankWatch::fail(const std::string& error) {
  const std::lock_guard lock(mutex_);
  own_error_ = error;
}

}  // namespace assemble
