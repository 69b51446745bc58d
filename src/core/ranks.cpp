// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/ranks.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <vector>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

constexpr int kMostProcesses = 1'000'000;
constexpr int kMostPorts = 65535;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

/// The first of these variables that is set, as a number.
std::optional<int> number(const std::vector<const char*>& names, int least, int most) {
  for (const char* name : names) {
    const std::optional<std::string> text = variable(name);
    if (!text) continue;
    int value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size() && value >= least && value <= most) return value;
    throw UsageError(name, concat("is '", *text, "'"), concat("expected a number from ", least, " to ", most));
  }
  return std::nullopt;
}

/// Of SLURM_STEP_TASKS_PER_NODE, which is "4(x2),1" for nodes of 4, 4 and 1 tasks.
std::optional<int> tasks_on_this_node() {
  const std::optional<std::string> counts = variable("SLURM_STEP_TASKS_PER_NODE");
  if (!counts) return std::nullopt;
  int node = number({"SLURM_NODEID"}, 0, kMostProcesses).value_or(0);
  for (const std::string& part : split(*counts, ',')) {
    int tasks = 0, nodes = 1;
    if (std::sscanf(part.c_str(), "%d(x%d)", &tasks, &nodes) < 1 || tasks < 1) return std::nullopt;
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return std::nullopt;
}

}  // namespace

Ranks Ranks::from_environment() {
  Ranks ranks;
  const std::optional<std::string> address = variable("MASTER_ADDR");
  // A batch script of Slurm is a task itself: the variables of a step are those of srun's. What mpirun starts by srun
  // has those of the step that starts it.
  const auto counted = [&](const char* usual, const char* of_mpi, const char* of_slurm, int least) {
    std::vector<const char*> names{usual};
    if (address) names.insert(names.end(), {of_mpi, of_slurm});
    return number(names, least, kMostProcesses);
  };
  ranks.world = counted("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", 1).value_or(1);
  if (ranks.world == 1) return {};
  if (!address) {
    throw UsageError("MASTER_ADDR", concat("is not set, for ", ranks.world, " processes"),
                     "set it to the machine of rank 0, as torchrun does");
  }
  const std::optional<int> rank = counted("RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID", 0);
  if (!rank) throw UsageError("RANK", concat("is not set, for ", ranks.world, " processes"), "give each its own");
  ranks.rank = *rank;
  ranks.address = *address;
  ranks.port = static_cast<uint16_t>(number({"MASTER_PORT"}, 1, kMostPorts).value_or(ranks.port));
  ranks.local_rank = counted("LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID", 0).value_or(0);
  ranks.local_world = number({"LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"}, 1, kMostProcesses)
                          .value_or(tasks_on_this_node().value_or(1));
  ranks.read_launcher();
  ranks.check();
  return ranks;
}

void Ranks::read_launcher() {
  local_rank = number({"LOCAL_RANK"}, 0, kMostProcesses).value_or(local_rank);
  local_world = number({"LOCAL_WORLD_SIZE"}, 1, kMostProcesses).value_or(local_world);
  launcher_listens = variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  attempt = number({"TORCHELASTIC_RESTART_COUNT"}, 0, kMostProcesses).value_or(0);
}

std::string Ranks::where() const { return concat(address, ":", port); }

std::string Ranks::name(int of_rank) const { return concat("rank ", of_rank, " of ", world); }

void Ranks::check() const {
  if (world >= 1 && rank >= 0 && rank < world) return;
  throw UsageError("`rank`", concat(rank, " of ", world, " processes"), "expected 0 <= rank < world");
}

}  // namespace assemble
