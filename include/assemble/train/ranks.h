// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assemble {

/// One process among those that share a job, as torchrun counts them.
struct Ranks {
  int rank = 0;                       ///< 0 … world - 1
  int world = 1;                      ///< processes
  std::string address = "127.0.0.1";  ///< of rank 0's machine
  uint16_t port = 29500;              ///< on which rank 0 listens
  /// The launcher holds a store at that address already (torchrun's TORCHELASTIC_USE_AGENT_STORE).
  bool launcher_listens = false;

  /// @throws UsageError when rank and world do not fit
  void check() const;
};

/// Brings a text of each process to rank 0 (through LibTorch's TCPStore).
/// @param name of the exchange; each name once in a job
/// @param seconds to wait for the others
/// @return under rank 0 all texts in the order of the ranks, elsewhere nothing
/// @throws RunError when a process does not come in time or the address cannot be reached
std::vector<std::string> gather(const Ranks& ranks, const std::string& name, const std::string& text,
                                int64_t seconds = 24 * 3600);

}  // namespace assemble
