// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr int kBarWidth = 24;
constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::seconds kPlainLine{10};

struct Current {
  std::mutex mutex;
  std::shared_ptr<LogSink> sink = std::make_shared<StderrSink>();
};

/// Never destroyed: what is logged while the program ends finds it too.
Current& current() {
  static Current& current = *new Current;
  return current;
}

/// Can stderr redraw a line?
bool is_terminal() { return isatty(STDERR_FILENO) == 1; }

// One fwrite a text: stdio's lock keeps lines of several threads apart.
void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

/// Wipes the progress bar that may stand in the line.
std::string begin_of_line() { return is_terminal() ? "\r\033[K" : ""; }

std::string bar(double share) {
  const int filled = static_cast<int>(share * kBarWidth);
  return "[" + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.') + "] ";
}

std::string progress_line(const ProgressUpdate& update, bool with_bar) {
  const double done = static_cast<double>(update.done), total = static_cast<double>(update.total);
  const double rate = update.seconds > 0 ? done / update.seconds : 0.0;
  std::string line = update.label + " ";
  if (update.total > 0) {
    if (with_bar) line += bar(std::clamp(done / total, 0.0, 1.0));
    line += concat(update.done, "/", update.total);
  } else {
    line += concat(update.done);
  }
  line += concat(" ", update.unit, ", ", format_number(rate, rate < 10 ? 2 : 0), " ", update.unit, "/s");
  if (update.is_last) {
    line += ", took " + format_duration(update.seconds);
  } else if (total > done && rate > 0) {
    line += ", " + format_duration((total - done) / rate) + " left";
  }
  return update.note.empty() ? line : line + ", " + update.note;
}

}  // namespace

void StderrSink::log(LogLevel level, const std::string& message) {
  const bool is_warning = level == LogLevel::kWarning;
  if (is_warning || !quiet_) write(concat(begin_of_line(), is_warning ? "warning: " : "", message, "\n"));
}

void StderrSink::show(const ProgressUpdate& update) {
  if (quiet_) return;
  const bool terminal = is_terminal();
  write(concat(begin_of_line(), progress_line(update, terminal), terminal && !update.is_last ? "" : "\n"));
}

std::chrono::milliseconds StderrSink::pause() const { return is_terminal() ? kRedraw : kPlainLine; }

std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink) {
  if (sink == nullptr) sink = std::make_shared<StderrSink>();
  const std::lock_guard lock(current().mutex);
  return std::exchange(current().sink, std::move(sink));
}

std::shared_ptr<LogSink> log_sink() {
  const std::lock_guard lock(current().mutex);
  return current().sink;
}

void log_info(const std::string& message) { log_sink()->log(LogLevel::kInfo, message); }

void log_warning(const std::string& message) { log_sink()->log(LogLevel::kWarning, message); }

}  // namespace assemble
