// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/core/choice.h"

namespace assemble {

/// In what numbers a network computes.
enum class Precision {
  kF32,
  kBf16,  ///< autocast in LibTorch; in OpenVINO where the processor has it
  kF16,   ///< autocast in LibTorch alone, which trains with a scaled loss
  kInt8,  ///< graphs with 8-bit weights alone
};

inline constexpr auto kPrecisions = choices<Precision>(
    "precision",
    {{Precision::kF32, "f32"}, {Precision::kBf16, "bf16"}, {Precision::kF16, "f16"}, {Precision::kInt8, "int8"}});

/// "f32", "bf16", "f16" or "int8". @throws UsageError otherwise
Precision parse_precision(const std::string& name);
const char* precision_name(Precision precision);

}  // namespace assemble
