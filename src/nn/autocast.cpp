// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/autocast.h"

#include <ATen/autocast_mode.h>

#include "assemble/core/error.h"
#include "assemble/nn/cuda_runtime.h"

namespace assemble {

Precision autocast_precision(Precision precision) { return kAutocastPrecisions.parse(precision_name(precision)); }

torch::Device parse_device(const std::string& name) {
  const torch::Device first_cuda(torch::kCUDA, 0);
  if (name == "auto") return cuda_runtime() != nullptr ? first_cuda : torch::kCPU;
  if (name == "cpu") return torch::kCPU;
  if (name != "cuda" && name.rfind("cuda:", 0) != 0) {
    throw UsageError("`device`", concat("'", name, "' is unknown, expected auto, cpu, cuda or cuda:N"));
  }
  const CudaRuntime* const cuda = cuda_runtime();
  if (cuda == nullptr) {
    throw RunError("`device`", concat("no CUDA device can be used: ", why_no_cuda()), "use `device` cpu");
  }
  const torch::Device device = name == "cuda" ? first_cuda : torch::Device(name);
  if (device.index() >= cuda->devices()) {
    throw RunError("`device`", concat(name, " is not there, found ", cuda->devices(), " devices"));
  }
  return device;
}

AutocastGuard::AutocastGuard(torch::Device device, Precision precision)
    : device_(device.type()), active_(precision == Precision::kBf16 || precision == Precision::kF16) {
  if (!active_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_);
  type_before_ = at::autocast::get_autocast_dtype(device_);
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, precision == Precision::kF16 ? torch::kHalf : torch::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastGuard::~AutocastGuard() {
  if (!active_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, was_enabled_);
  at::autocast::set_autocast_dtype(device_, type_before_);
}

}  // namespace assemble
