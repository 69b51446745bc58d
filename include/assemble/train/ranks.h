// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "assemble/core/ranks.h"

namespace assemble {

/// Brings a text of each process to rank 0 (through LibTorch's TCPStore).
/// @param name of the exchange; each name once in a job
/// @param seconds to wait for the others
/// @return under rank 0 all texts in the order of the ranks, elsewhere nothing
/// @throws RunError when a process does not come in time or the address cannot be reached
std::vector<std::string> gather(const Ranks& ranks, const std::string& name, const std::string& text,
                                int64_t seconds = 24 * 3600);

}  // namespace assemble
