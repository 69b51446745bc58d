// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <string>

namespace assemble {

enum class Precision { kF32, kBF16 };

/// "f32" or "bf16". @throws UsageError otherwise
Precision parse_precision(const std::string& name);

/// "auto" (CUDA when there), "cpu", "cuda" or "cuda:N".
/// @throws UsageError for other names, RunError when there is no such device
torch::Device parse_device(const std::string& name);

/// While alive, convolutions and dense layers on `device` run in bf16 (autocast); then autocast is as it was. Nothing
/// for f32.
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
