// SPDX-License-Identifier: Apache-2.0
// The store through which the processes of a job find each other.
#pragma once

#include <chrono>

#include "assemble/core/ranks.h"
#include "c10d.h"

namespace assemble {

/// Connects to the store of a job; rank 0 serves it where no launcher does. Keys are of this attempt alone.
/// @param serves false: a further connection of rank 0 to the store that it serves
/// @throws RunError when the address does not answer in time or the port is taken
Store open_store(const Ranks& ranks, std::chrono::milliseconds timeout, bool serves = true);

void set_text(c10d::Store& store, const std::string& key, const std::string& text);
/// Waits for it.
std::string get_text(c10d::Store& store, const std::string& key);

}  // namespace assemble
