// SPDX-License-Identifier: Apache-2.0
// What commands whose work several processes share have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "assemble/core/exchange.h"
#include "assemble/core/log.h"
#include "assemble/core/ranks.h"
#include "common/hooks.h"

namespace assemble::cli {

/// Which of the processes that share a command's work this one is.
class SharingOptions {
 public:
  /// --rank and --world. @param work of them, for the help: "Processes that share the files"
  void declare_place(CLI::App& app, const std::string& work);
  /// The same, and where the processes meet.
  void declare(CLI::App& app, const std::string& work);

  /// As the flags say, or else the launcher.
  Ranks place() const;
  /// Does the work as one of the processes, which meet before it. When it throws, the others end too, and say why.
  /// @throws NeedsTorch for several processes without LibTorch; RunError when one does not come or is lost
  void run(const Hooks& hooks, const std::function<void(Exchange& ranks)>& work) const;
  /// The cores, shared by the processes on this machine, where 0 stands for all.
  int threads(int given) const;
  /// Leaves the other processes on this machine their share of its cores and devices.
  void share_machine(const Hooks& hooks, InferenceOptions& inference, int& loader_threads) const;

 private:
  Ranks given_;
  const CLI::Option* rank_ = nullptr;
  const CLI::Option* world_ = nullptr;
};

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
