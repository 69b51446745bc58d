// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "assemble/deploy/engine.h"

namespace assemble {

/// Computes the graph with LibTorch on EngineOptions::device.
std::unique_ptr<Engine> make_torch_engine(const Graph& graph, const EngineOptions& options);

}  // namespace assemble
