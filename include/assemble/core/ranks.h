// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

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

}  // namespace assemble
