// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <utility>

#include "assemble/core/terminal.h"
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

Terminal standard_error() { return terminal_of(STDERR_FILENO); }

// One fwrite a text: stdio's lock keeps lines of several threads apart.
void write(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

/// Wipes the progress bar that may stand in the line.
std::string begin_of_line(const Terminal& terminal) { return terminal.redraws ? "\r\033[K" : ""; }

std::string bar(double share) {
  const int filled = static_cast<int>(share * kBarWidth);
  return "[" + std::string(static_cast<size_t>(filled), '#') +
         std::string(static_cast<size_t>(kBarWidth - filled), '.') + "] ";
}

/// What a line of progress may show.
struct Parts {
  bool bar, rate, note;
};

/// Behind the label: "[####....] 4/10 images, 55 images/s, 3.1s left, loss 1.93".
std::string state_of(const ProgressUpdate& update, const Parts& shown) {
  const double done = static_cast<double>(update.done), total = static_cast<double>(update.total);
  const double rate = update.seconds > 0 ? done / update.seconds : 0.0;
  std::string text;
  if (update.total > 0) {
    if (shown.bar) text += bar(std::clamp(done / total, 0.0, 1.0));
    text += concat(update.done, "/", update.total);
  } else {
    text += concat(update.done);
  }
  text += concat(" ", update.unit);
  if (shown.rate) text += concat(", ", format_number(rate, rate < 10 ? 2 : 0), " ", update.unit, "/s");
  if (update.is_last) {
    text += ", took " + format_duration(update.seconds);
  } else if (total > done && rate > 0) {
    text += ", " + format_duration((total - done) / rate) + " left";
  }
  return update.note.empty() || !shown.note ? text : text + ", " + update.note;
}

/// A line that a terminal of so many columns does not break: redrawing would leave the first half of it behind. First
/// the bar goes, then the rate, then the end of the note; the count stays longest.
std::string fitting_line(const ProgressUpdate& update, size_t columns) {
  std::string line;
  for (const Parts& shown : {Parts{true, true, true}, Parts{false, true, true}, Parts{false, false, true}}) {
    line = concat(update.label, " ", state_of(update, shown));
    if (display_width(line) <= columns) return line;
  }
  const std::string state = state_of(update, {false, false, false});
  const size_t least = display_width(state) + 1;
  if (least + display_width(update.label) <= columns) return cut_to_width(line, columns);
  constexpr size_t kShortestLabel = 4;
  if (least + kShortestLabel > columns) return cut_to_width(state, columns);
  return concat(cut_to_width(update.label, columns - least), " ", state);
}

}  // namespace

void StderrSink::log(LogLevel level, const std::string& message) {
  const bool is_warning = level == LogLevel::kWarning;
  if (!is_warning && quiet_) return;
  write(concat(begin_of_line(standard_error()), is_warning ? "warning: " : "", message, "\n"));
}

void StderrSink::show(const ProgressUpdate& update) {
  if (quiet_) return;
  const Terminal terminal = standard_error();
  if (!terminal.redraws) return write(concat(update.label, " ", state_of(update, {false, true, true}), "\n"));
  // In the last column a terminal may go on to the next line.
  write(concat(begin_of_line(terminal), fitting_line(update, terminal.columns - 1), update.is_last ? "\n" : ""));
}

std::chrono::milliseconds StderrSink::pause() const { return standard_error().redraws ? kRedraw : kPlainLine; }

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
