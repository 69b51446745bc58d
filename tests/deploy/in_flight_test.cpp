// SPDX-License-Identifier: Apache-2.0
#include "../../src/deploy/engines/in_flight.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assemble {
namespace {

/// Notes what is done with it; its computation may fail, which waiting tells.
struct Request {
  bool running = false, fails_to_start = false, fails = false;
  void start_async() {
    if (fails_to_start) throw std::runtime_error("cannot start");
    running = true;
  }
  void wait() {
    running = false;
    if (fails) throw std::runtime_error("failed");
  }
};

/// Runs all requests, and looks whether one still runs when what they read goes.
bool any_runs_on(std::vector<Request>& requests, bool expect_error) {
  bool runs_on = false;
  struct Inputs {
    std::vector<Request>& requests;
    bool& runs_on;
    ~Inputs() {
      for (const Request& request : requests) runs_on |= request.running;
    }
  };
  bool threw = false;
  try {
    const Inputs inputs{requests, runs_on};
    InFlight<Request> flight(requests);
    for (size_t i = 0; i < requests.size(); ++i) flight.start();
    for (size_t i = 0; i < flight.started(); ++i) flight.wait();
  } catch (const std::runtime_error&) {
    threw = true;
  }
  EXPECT_EQ(threw, expect_error);
  return runs_on;
}

TEST(InFlight, NoRequestOutlivesItsInputs) {
  std::vector<Request> sound(4);
  EXPECT_FALSE(any_runs_on(sound, false));
  for (size_t bad = 0; bad < 4; ++bad) {
    std::vector<Request> fail_to_start(4), fail(4), all(4, Request{.fails = true});
    fail_to_start[bad].fails_to_start = true;
    fail[bad].fails = true;
    EXPECT_FALSE(any_runs_on(fail_to_start, true)) << bad;
    EXPECT_FALSE(any_runs_on(fail, true)) << bad;
    EXPECT_FALSE(any_runs_on(all, true));
  }
}

}  // namespace
}  // namespace assemble
