// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/progress.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"

namespace assemble {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};
constexpr int kBarWidth = 24;

std::string bar(double share) {
  const int filled = static_cast<int>(share * kBarWidth);
  return "[" + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.') + "] ";
}

}  // namespace

Progress::Progress(std::string label, int64_t total, std::string unit)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), start_(steady_clock::now()), shown_(start_) {}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t steps, const std::string& note) {
  done_ += steps;
  note_ = note;
  const auto pause = stderr_is_terminal() ? steady_clock::duration(kRedraw) : steady_clock::duration(kPlainLine);
  if (steady_clock::now() - shown_ >= pause) show(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  show(true);
}

void Progress::show(bool last) {
  if (is_quiet()) return;
  shown_ = steady_clock::now();
  const double elapsed = seconds_since(start_);
  const double rate = elapsed > 0 ? static_cast<double>(done_) / elapsed : 0.0;
  const bool terminal = stderr_is_terminal();

  std::string line = label_ + " ";
  if (total_ > 0) {
    const double share = std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
    if (terminal) line += bar(share);
    line += concat(done_, "/", total_, " ", unit_);
  } else {
    line += concat(done_, " ", unit_);
  }
  line += concat(", ", format_number(rate, rate < 10 ? 2 : 0), " ", unit_, "/s");
  if (last) {
    line += ", took " + format_duration(elapsed);
  } else if (total_ > done_ && rate > 0) {
    line += ", " + format_duration(static_cast<double>(total_ - done_) / rate) + " left";
  }
  if (!note_.empty()) line += ", " + note_;

  if (terminal) line = "\r\033[K" + line;
  if (!terminal || last) line += "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  std::fflush(stderr);
}

}  // namespace assemble
