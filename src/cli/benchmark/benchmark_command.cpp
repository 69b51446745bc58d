// SPDX-License-Identifier: Apache-2.0
#include "benchmark/benchmark.h"
#include "common/commands.h"

namespace assemble::cli {

std::unique_ptr<Subcommand> make_benchmark_command() {
  std::unique_ptr<Subcommand> command = make_network_benchmark();
  command->add(make_corrupt_benchmark());
  command->add(make_data_benchmark());
  return command;
}

}  // namespace assemble::cli
