// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <memory_resource>

namespace assemble {

/// Memory for a loader's batches that go to `device`: page-locked for CUDA, from where copies need no detour; ordinary
/// otherwise. Lives as long as the program.
std::pmr::memory_resource* batch_memory(torch::Device device);

}  // namespace assemble
