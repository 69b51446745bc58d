// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <string>

#include "assemble/core/precision.h"

namespace assemble {

/// The precisions of LibTorch's networks.
inline constexpr auto kAutocastPrecisions =
    choices<Precision>("precision", {{Precision::kF32, "f32"}, {Precision::kBf16, "bf16"}, {Precision::kF16, "f16"}});

/// The same precision. @throws UsageError for one that LibTorch's networks lack
Precision autocast_precision(Precision precision);

/// "auto" (CUDA when there), "cpu", "cuda" (the first one) or "cuda:N".
/// @throws UsageError for other names, RunError when there is no such device
torch::Device parse_device(const std::string& name);

/// While alive, convolutions and dense layers on `device` run in bf16 or f16 (autocast); then autocast is as it was.
/// Nothing for other precisions.
class AutocastGuard {
 public:
  AutocastGuard(torch::Device device, Precision precision);
  ~AutocastGuard();
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  torch::DeviceType device_;
  bool active_;
  bool was_enabled_ = false;
  torch::ScalarType type_before_ = torch::kBFloat16;
};

}  // namespace assemble
