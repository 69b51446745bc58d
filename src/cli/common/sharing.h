// SPDX-License-Identifier: Apache-2.0
// What commands whose work several processes share have in common.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "assemble/core/exchange.h"
#include "assemble/core/log.h"
#include "assemble/core/ranks.h"

namespace assemble::cli {

/// Whether an option may differ between the processes of a job: folders, threads, the device, what is logged.
bool is_own_affair(const std::string& option);
/// @throws UsageError naming the first option that another rank has otherwise and that is not its own affair
void require_same_options(Exchange& ranks, const std::string& config);

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

/// Does the work of one process: its log and errors say which one it is, unless it is rank 0.
void as_rank(const Ranks& place, const std::function<void()>& work);

}  // namespace assemble::cli
