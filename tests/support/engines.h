// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "assemble/deploy/engine.h"

namespace assemble::test {

/// Whether this build has the engine openvino.
inline bool has_openvino() { return default_engine(torch::kCPU) == EngineKind::kOpenvino; }

/// The engines of this build.
inline std::vector<EngineKind> engines() {
  if (has_openvino()) return {EngineKind::kTorch, EngineKind::kOpenvino};
  return {EngineKind::kTorch};
}

}  // namespace assemble::test

/// First in a test that runs on OpenVINO alone.
#define ASSEMBLE_NEEDS_OPENVINO() \
  if (!assemble::test::has_openvino()) GTEST_SKIP() << "this build has no OpenVINO (ASSEMBLE_OPENVINO=OFF)"
