// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "assemble/core/ranks.h"

namespace assemble::test {

/// A port that nobody listens on.
inline uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(bind(socket, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(socket);
  return ntohs(address.sin_port);
}

/// Runs work(rank) of each rank on a thread of its own. What one throws is a failure of the test.
inline void in_ranks(int world, const std::function<void(const Ranks&)>& work) {
  // c10d's flight recorder keeps a map for all process groups of a process, without a lock. Programs have one group.
  setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/1);
  const uint16_t port = free_port();
  std::vector<std::thread> threads;
  for (int rank = world - 1; rank >= 0; --rank) {
    threads.emplace_back([=] {
      try {
        work({.rank = rank, .world = world, .port = port});
      } catch (const std::exception& error) {
        ADD_FAILURE() << "rank " << rank << ": " << error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace assemble::test
