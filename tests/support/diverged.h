// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <limits>

#include "test_support.h"

namespace assemble::test {

/// A copy of a model file in which one weight is NaN.
inline void write_diverged(const fs::path& model, const fs::path& copy) {
  Bytes bytes = read_file(model);
  // The last bytes are a tensor's last value.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(bytes.data() + bytes.size() - sizeof(nan), &nan, sizeof(nan));
  write_bytes(copy, bytes);
}

}  // namespace assemble::test
