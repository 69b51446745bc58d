// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/ranks.h"

#include <chrono>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "assemble/core/error.h"

namespace assemble {

void Ranks::check() const {
  if (world >= 1 && rank >= 0 && rank < world) return;
  throw UsageError("`rank`", concat(rank, " of ", world, " processes"), "expected 0 <= rank < world");
}

std::vector<std::string> gather(const Ranks& ranks, const std::string& name, const std::string& text, int64_t seconds) {
  ranks.check();
  if (ranks.world == 1) return {text};
  const std::string where = concat(ranks.address, ":", ranks.port);
  const auto key = [&](int rank) { return concat("assemble/", name, "/", rank); };
  try {
    c10d::TCPStoreOptions options;
    options.port = ranks.port;
    options.isServer = ranks.rank == 0 && !ranks.launcher_listens;
    options.waitWorkers = false;
    options.timeout = std::chrono::seconds(seconds);
    c10d::TCPStore store(ranks.address, options);
    if (ranks.rank != 0) {
      store.set(key(ranks.rank), std::vector<uint8_t>(text.begin(), text.end()));
      store.wait({key(0)});
      store.set(key(ranks.rank) + "/seen", std::vector<uint8_t>{1});
      return {};
    }
    std::vector<std::string> texts{text};
    for (int rank = 1; rank < ranks.world; ++rank) {
      const std::vector<uint8_t> bytes = store.get(key(rank));
      texts.emplace_back(bytes.begin(), bytes.end());
    }
    store.set(key(0), std::vector<uint8_t>{1});
    // The server must live until the others have seen that.
    for (int rank = 1; rank < ranks.world; ++rank) store.wait({key(rank) + "/seen"});
    return texts;
  } catch (const c10::Error& error) {
    throw RunError(where, concat("rank ", ranks.rank, " of ", ranks.world, ": ", error.what_without_backtrace()),
                   "start every rank, with the same address and port");
  }
}

}  // namespace assemble
