// SPDX-License-Identifier: Apache-2.0
// What `train` does as one process of several.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "assemble/core/log.h"
#include "assemble/train/communicator.h"

namespace assemble::cli {

/// Options of processes that train together.
struct RanksOptions {
  int processes = 1;  ///< that the command itself starts
  double rank_timeout = 30;
  double start_timeout = 300;

  void declare(CLI::App& app);
  /// This process' place, as launcher or `--processes` set it. @throws UsageError where both do, and differ
  Ranks place() const;
  /// Whether this process is to start others.
  bool launches() const { return processes > 1 && place().world == 1; }
  /// @throws RunError when the others do not come. A rank that is lost later ends the process
  std::shared_ptr<Communicator> connect(const Ranks& place) const;
};

/// Whether an option may differ between the processes of a run: folders, threads, the device, what is logged.
bool is_own_affair(const std::string& option);
/// @throws UsageError naming the first option that another rank has otherwise and that is not its own affair
void require_same_options(Communicator& ranks, const std::string& config);

/// Of ranks other than 0 only warnings are shown, and whose they are.
class RankSink : public LogSink {
 public:
  RankSink(std::shared_ptr<LogSink> all, std::string name) : all_(std::move(all)), name_(std::move(name)) {}
  void log(LogLevel level, const std::string& message) override {
    if (level == LogLevel::kWarning) all_->log(level, name_ + ": " + message);
  }
  void show(const ProgressUpdate&) override {}

 private:
  std::shared_ptr<LogSink> all_;
  std::string name_;
};

}  // namespace assemble::cli
