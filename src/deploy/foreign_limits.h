// SPDX-License-Identifier: Apache-2.0
// What the options of a foreign network may say, and what its file may hold.
#pragma once

namespace assemble::foreign {

inline constexpr int kLargestSide = 16384;  ///< pixels
inline constexpr int kMostOutputs = 1'000'000;

}  // namespace assemble::foreign
