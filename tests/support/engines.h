// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "assemble/deploy/engine.h"
#include "assemble/deploy/torch_backend.h"
#include "test_support.h"

namespace assemble::test {

// Commands keep compiled models in the user's cache: the tests have one of their own.
inline const int kOwnCache = setenv("XDG_CACHE_HOME", (build_folder() / "test-cache").c_str(), 1);

/// Whether this build has the engine openvino.
inline bool has_openvino() { return default_engine("cpu") == EngineKind::kOpenvino; }

/// The engines of this program.
inline std::vector<EngineKind> engines() {
  std::vector<EngineKind> kinds;
  if (has_torch_backend()) kinds.push_back(EngineKind::kTorch);
  if (has_openvino()) kinds.push_back(EngineKind::kOpenvino);
  return kinds;
}

}  // namespace assemble::test

/// First in a test that runs on OpenVINO alone.
#define ASSEMBLE_NEEDS_OPENVINO() \
  if (!assemble::test::has_openvino()) GTEST_SKIP() << "this build has no OpenVINO (ASSEMBLE_OPENVINO=OFF)"
