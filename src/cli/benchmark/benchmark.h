// SPDX-License-Identifier: Apache-2.0
// The measurements of `assemble benchmark`, picked by its second word.
#pragma once

#include "common/subcommand.h"

namespace assemble::cli {

/// Throughput and latency of networks: `assemble benchmark` itself.
std::unique_ptr<Subcommand> make_network_benchmark();
std::unique_ptr<Subcommand> make_corrupt_benchmark();
std::unique_ptr<Subcommand> make_data_benchmark();

}  // namespace assemble::cli
