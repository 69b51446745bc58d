// SPDX-License-Identifier: Apache-2.0
#include "torch/train/ranks_options.h"

#include <unistd.h>

#include <iostream>

#include "assemble/core/error.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds));
}

}  // namespace

std::function<void(const std::string& reason)> end_when_lost(const Ranks& place, const std::string& hint) {
  return [name = place.rank == 0 ? "" : place.name() + ": ", hint](const std::string& reason) {
    std::cerr << concat("assemble: error: ", name, reason, " (", hint, ")\n") << std::flush;
    _exit(static_cast<int>(ExitCode::kFailedRun));
  };
}

void RanksOptions::declare(CLI::App& app) {
  const char* group = "Several processes";
  app.add_option(
         "--processes", processes,
         "Processes that train together on this machine, each on --batch-size images; torchrun, srun and mpirun "
         "start them themselves")
      ->transform(whole(1, 65535))
      ->group(group);
  app.add_option("--rank-timeout", rank_timeout, "Seconds without a sign of life after which a process is lost")
      ->transform(real(1, 1e6))
      ->group(group);
  app.add_option("--start-timeout", start_timeout, "Seconds within which all processes must have come")
      ->transform(real(1, 1e6))
      ->group(group);
}

Ranks RanksOptions::place() const {
  Ranks ranks = Ranks::from_environment();
  if (processes == 1 || ranks.world == 1 || ranks.world == processes) return ranks;
  throw UsageError("--processes", concat(processes, " are asked for, but a launcher has started ", ranks.world),
                   "leave it out: the launcher says how many");
}

std::shared_ptr<Communicator> RanksOptions::connect(const Ranks& place) const {
  return assemble::connect(place, {.to_start = milliseconds(start_timeout),
                                   .to_answer = milliseconds(rank_timeout),
                                   .on_lost = end_when_lost(place, "--resume goes on from the last checkpoint")});
}

}  // namespace assemble::cli
