// SPDX-License-Identifier: Apache-2.0
#include "job_store.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "assemble/core/error.h"
#include "assemble/train/communicator.h"
#include "assemble/train/ranks.h"

namespace assemble {

Store open_store(const Ranks& ranks, std::chrono::milliseconds timeout, bool serves) {
  c10d::TCPStoreOptions options;
  options.port = ranks.port;
  options.isServer = serves && ranks.rank == 0 && !ranks.launcher_listens;
  options.waitWorkers = false;
  options.timeout = timeout;
  try {
    return c10::make_intrusive<c10d::PrefixStore>(concat("assemble/", ranks.attempt),
                                                  c10::make_intrusive<c10d::TCPStore>(ranks.address, options));
  } catch (const c10::Error& error) {
    throw RunError(ranks.where(), concat(ranks.name(), ": ", error.what_without_backtrace()),
                   options.isServer ? "choose another MASTER_PORT, or end what listens there"
                                    : "start rank 0, and give every rank its address and port");
  }
}

void set_text(c10d::Store& store, const std::string& key, const std::string& text) {
  store.set(key, std::vector<uint8_t>(text.begin(), text.end()));
}

std::string get_text(c10d::Store& store, const std::string& key) {
  const std::vector<uint8_t> bytes = store.get(key);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::string> gather(const Ranks& ranks, const std::string& name, const std::string& text, int64_t seconds) {
  ranks.check();
  if (ranks.world == 1) return {text};
  const auto key = [&](int rank) { return concat(name, "/", rank); };
  const Store store = open_store(ranks, std::chrono::seconds(seconds));
  try {
    if (ranks.rank != 0) {
      set_text(*store, key(ranks.rank), text);
      store->wait({key(0)});
      set_text(*store, key(ranks.rank) + "/seen", "1");
      return {};
    }
    std::vector<std::string> texts{text};
    for (int rank = 1; rank < ranks.world; ++rank) texts.push_back(get_text(*store, key(rank)));
    set_text(*store, key(0), "1");
    // The server must live until the others have seen that.
    for (int rank = 1; rank < ranks.world; ++rank) store->wait({key(rank) + "/seen"});
    return texts;
  } catch (const c10::Error& error) {
    throw RunError(ranks.where(), concat(ranks.name(), ": ", error.what_without_backtrace()),
                   "start every rank, with the same address and port");
  }
}

struct JobStore::State {
  c10::intrusive_ptr<c10d::TCPStore> store;
};

JobStore::JobStore() {
  c10d::TCPStoreOptions options;
  options.port = 0;  // any that is free
  options.isServer = true;
  options.waitWorkers = false;
  try {
    state_ = std::make_unique<State>(c10::make_intrusive<c10d::TCPStore>("127.0.0.1", options));
  } catch (const c10::Error& error) {
    throw RunError("127.0.0.1", error.what_without_backtrace());
  }
}

JobStore::~JobStore() = default;

uint16_t JobStore::port() const { return state_->store->getPort(); }

}  // namespace assemble
