// SPDX-License-Identifier: Apache-2.0
#include "job_store.h"

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "assemble/core/error.h"
#include "assemble/train/communicator.h"

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
