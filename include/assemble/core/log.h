// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace assemble {

enum class LogLevel { kInfo, kWarning };

/// How far long work has come.
struct ProgressUpdate {
  std::string label;   ///< what is being done
  std::string unit;    ///< what a step is, plural ("images")
  std::string note;    ///< how it goes (for example "loss 1.93"); may be empty
  int64_t done = 0;    ///< steps
  int64_t total = 0;   ///< steps; 0 when unknown
  double seconds = 0;  ///< since it began
  bool is_last = false;
};

/// Takes the library's log lines and progress. It is called from any thread, from several at a time, and must not
/// throw.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void log(LogLevel level, const std::string& message) = 0;
  virtual void show(const ProgressUpdate& update) = 0;
  /// The least time between two updates of one piece of work; its last comes at once.
  virtual std::chrono::milliseconds pause() const { return std::chrono::milliseconds(100); }
};

/// The sink that there is without another: stderr. Warnings begin with "warning: ". Progress is a bar with rate and
/// time left on a terminal, otherwise a plain line at most every ten seconds and one at the end. Lines stay whole.
class StderrSink : public LogSink {
 public:
  /// @param quiet warnings alone are shown
  explicit StderrSink(bool quiet = false) : quiet_(quiet) {}
  void log(LogLevel level, const std::string& message) override;
  void show(const ProgressUpdate& update) override;
  std::chrono::milliseconds pause() const override;

 private:
  bool quiet_;
};

/// Sends what the library logs from now on to `sink`; to stderr when it is null.
/// @return the sink before
std::shared_ptr<LogSink> set_log_sink(std::shared_ptr<LogSink> sink);

/// Sends what the library logs to another sink until the end of a scope.
class ScopedLogSink {
 public:
  explicit ScopedLogSink(std::shared_ptr<LogSink> sink) : before_(set_log_sink(std::move(sink))) {}
  ~ScopedLogSink() { set_log_sink(std::move(before_)); }
  ScopedLogSink(const ScopedLogSink&) = delete;
  ScopedLogSink& operator=(const ScopedLogSink&) = delete;

 private:
  std::shared_ptr<LogSink> before_;
};

/// @name For the library's own use
/// @{
std::shared_ptr<LogSink> log_sink();
void log_info(const std::string& message);
void log_warning(const std::string& message);
/// @}

}  // namespace assemble
