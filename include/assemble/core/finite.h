// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace assemble {

/// Whether no value is NaN or infinite.
inline bool all_finite(std::span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t found = 0;  // without a branch, so that it is computed on vectors
  for (const float value : values) found |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent;
  return found == 0;
}

}  // namespace assemble
