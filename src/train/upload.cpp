// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/upload.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace assemble {

Upload::Upload(torch::Device device) : device_(device) {
  if (device.is_cuda()) side_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

torch::Tensor Upload::operator()(const torch::Tensor& values) {
  if (!side_) return values.to(device_);
  const c10::Stream current = c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
  const c10::StreamGuard on_side(*side_);
  const torch::Tensor pinned = values.is_pinned() ? values : values.pin_memory();
  const torch::Tensor there = pinned.to(device_, /*non_blocking=*/true);
  there.record_stream(current);
  sent_.emplace(device_.type());
  sent_->record(*side_);
  sent_->block(current);
  return there;
}

void Upload::wait() {
  if (sent_) sent_->synchronize();
}

}  // namespace assemble
