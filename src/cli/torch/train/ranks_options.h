// SPDX-License-Identifier: Apache-2.0
// What `train` does as one process of several.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "assemble/train/communicator.h"

namespace assemble::cli {

/// For ConnectOptions::on_lost: ends the process, with an error that says why and what to do.
std::function<void(const std::string& reason)> end_when_lost(const Ranks& place, const std::string& hint);

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

}  // namespace assemble::cli
