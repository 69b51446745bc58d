// SPDX-License-Identifier: Apache-2.0
#include "common/sharing.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "assemble/core/error.h"
#include "common/config.h"

namespace assemble::cli {

bool is_own_affair(const std::string& option) {
  constexpr const char* kOwn[] = {"data",           "out",     "threads",      "loader-threads",
                                  "prefetch",       "device",  "log-every",    "log-images",
                                  "log-histograms", "profile", "rank-timeout", "start-timeout"};
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
