// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Event.h>
#include <torch/types.h>

#include <optional>

namespace assemble {

/// Sends tensors to a device while it computes: from page-locked memory, on a stream of its own, so that neither this
/// thread nor the work before waits for a copy. What is launched later, on the stream that is current when a tensor is
/// sent, finds it there. For the CPU it hands on what it is given.
class Upload {
 public:
  explicit Upload(torch::Device device);

  /// @param values on the CPU. Page-locked ones (batch_memory()) are read in place: leave them alone until wait()
  torch::Tensor operator()(const torch::Tensor& values);
  /// Until everything that was sent has been read.
  void wait();

 private:
  torch::Device device_;
  std::optional<c10::Stream> side_;  // none for the CPU
  std::optional<c10::Event> sent_;
};

}  // namespace assemble
