// SPDX-License-Identifier: Apache-2.0
#include "common/sharing.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "common/config.h"
#include "common/numbers.h"

namespace assemble::cli {
namespace {

constexpr const char* kGroup = "Several processes (torchrun, srun and mpirun say these)";

}  // namespace

void SharingOptions::declare_place(CLI::App& app, const std::string& work) {
  rank_ = app.add_option("--rank", given_.rank, "This process")->transform(at_least(0))->envname("RANK")->group(kGroup);
  world_ = app.add_option("--world", given_.world, work)->transform(at_least(1))->envname("WORLD_SIZE")->group(kGroup);
}

void SharingOptions::declare(CLI::App& app, const std::string& work) {
  declare_place(app, work);
  app.add_option("--address", given_.address, "Machine of rank 0")->envname("MASTER_ADDR")->group(kGroup);
  app.add_option("--port", given_.port, "Port on which rank 0 listens")
      ->transform(whole(1, 65535))
      ->envname("MASTER_PORT")
      ->group(kGroup);
}

Ranks SharingOptions::place() const {
  if (rank_->count() == 0 && world_->count() == 0) return Ranks::from_environment();
  Ranks place = given_;
  place.read_launcher();
  place.check();
  return place;
}

int SharingOptions::threads(int given) const {
  const int processes = place().local_world;
  return given == 0 && processes > 1 ? std::max(available_cores() / processes, 1) : given;
}

void SharingOptions::share_machine(const Hooks& hooks, InferenceOptions& inference, int& loader_threads) const {
  const Ranks here = place();
  if (here.local_world == 1) return;
  loader_threads = threads(loader_threads);
  inference.threads = threads(inference.threads);
  if (hooks.own_device && inference.kind() == EngineKind::kTorch) {
    inference.device = hooks.own_device(inference.device, here.local_rank);
  }
}

void SharingOptions::run(const Hooks& hooks, const std::function<void(Exchange& ranks)>& work) const {
  const Ranks here = place();
  if (here.world == 1) {
    Exchange alone;
    return work(alone);
  }
  if (!hooks.connect) throw NeedsTorch("--world above 1");
  as_rank(here, [&] {
    const std::unique_ptr<Exchange> ranks = hooks.connect(here);
    try {
      work(*ranks);
    } catch (const std::exception& error) {
      ranks->fail(error.what());
      throw;
    }
  });
}

bool is_own_affair(const std::string& option) {
  constexpr const char* kOwn[] = {
      "data",           "out",     "threads",      "loader-threads", "prefetch",  "device",  "log-every", "log-images",
      "log-histograms", "profile", "rank-timeout", "start-timeout",  "rank",      "address", "port",      "model",
      "models",         "clean",   "baseline",     "report",         "frost-dir", "cache"};
  return std::find(std::begin(kOwn), std::end(kOwn), option) != std::end(kOwn);
}

void require_same_options(Exchange& ranks, const std::string& config) {
  const std::vector<std::string> configs = ranks.gather(config);
  const std::vector<TomlEntry> first = read_toml(configs[0], "rank 0");
  for (size_t rank = 1; rank < configs.size(); ++rank) {
    for (const ConfigChange& change : config_changes(first, read_toml(configs[rank], "another rank"))) {
      if (is_own_affair(change.key)) continue;
      throw UsageError("--" + change.key,
                       concat("is ", change.now.value_or("not set"), " for rank ", rank, ", and ",
                              change.before.value_or("not set"), " for rank 0"),
                       "start every rank with the same command");
    }
  }
}

void as_rank(const Ranks& place, const std::function<void()>& work) {
  std::optional<ScopedLogSink> sink;
  if (place.rank > 0) sink.emplace(std::make_shared<RankSink>(log_sink(), place.name()));
  try {
    work();
  } catch (const Error& error) {
    if (place.rank == 0) throw;
    throw Error(error.code(), place.name(), error.what(), "");
  }
}

}  // namespace assemble::cli
