// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/core/file.h"

namespace assemble {

/// Largest resident memory of this process so far, MiB.
double peak_memory_mib();
/// Model name of the processor, as Linux gives it; of a 64-bit ARM, which has none, the names or numbers of its kinds
/// of cores. "unknown" where there is neither.
std::string cpu_name(const fs::path& info = "/proc/cpuinfo");
/// Local time as "2026-01-31T12:00:00+00:00".
std::string timestamp();
/// The file of the running program; empty where the system does not tell it.
fs::path own_program();

/// Lets the allocator keep freed memory: training frees and takes the same large blocks every step, and giving them
/// back to the system costs a page fault for every 4 KiB taken again. A setting of the whole process: for programs,
/// which call it once at start, and not for the library.
void keep_freed_memory();
/// Gives what is free at the moment back to the system all the same: between steps that each take much memory once.
void release_freed_memory();

}  // namespace assemble
