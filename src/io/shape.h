// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace assemble {

/// Bytes of a tensor; nothing is trusted. @return false when an extent is negative or the product overflows
inline bool byte_count(const std::vector<int64_t>& shape, int64_t element_size, uint64_t& bytes) {
  bytes = static_cast<uint64_t>(element_size);
  for (int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes)) return false;
  }
  return true;
}

}  // namespace assemble
