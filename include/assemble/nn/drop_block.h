// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace assemble {

/// What all DropBlock layers of a network share: the schedule's current keep probability and the random key, so that a
/// mask is a pure function of (seed, step, layer).
struct DropBlockState {
  double keep_probability = 1.0;  ///< 1: the layers pass their input through
  uint64_t seed = 0;
  uint32_t step = 0;
};

}  // namespace assemble
