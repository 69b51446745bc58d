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
  int local_rank = 0;   ///< among the processes on this machine
  int local_world = 1;  ///< processes on this machine
  int attempt = 0;      ///< times that the launcher has started the job again

  /// Of the environment that launchers leave: RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT
  /// and TORCHELASTIC_* (torchrun, Kubeflow's PyTorchJob). Where MASTER_ADDR is set, Open MPI's OMPI_COMM_WORLD_* or,
  /// of a step of srun, SLURM_PROCID, SLURM_LOCALID and SLURM_STEP_* stand in for the first four. Without any: a single
  /// process.
  /// @throws UsageError for a variable that holds no number in its range, and for MASTER_ADDR missing
  static Ranks from_environment();
  /// Takes all but the first four members from the environment, for a place that was given otherwise.
  void read_launcher();

  /// "ADDRESS:PORT"
  std::string where() const;
  /// "rank 1 of 4"
  std::string name() const { return name(rank); }
  std::string name(int of_rank) const;

  /// @throws UsageError when rank and world do not fit
  void check() const;
};

}  // namespace assemble
