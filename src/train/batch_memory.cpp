// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/batch_memory.h"

#include <torch/types.h>

#include <map>
#include <mutex>

namespace assemble {
namespace {

/// Page-locked memory from LibTorch's own pool.
class PinnedMemory : public std::pmr::memory_resource {
  void* do_allocate(size_t bytes, size_t) override {
    const auto size = static_cast<int64_t>(bytes);
    const torch::Tensor tensor = torch::empty({size}, torch::TensorOptions(torch::kByte).pinned_memory(true));
    const std::lock_guard lock(mutex_);
    tensors_.emplace(tensor.data_ptr(), tensor);
    return tensor.data_ptr();
  }
  void do_deallocate(void* memory, size_t, size_t) override {
    const std::lock_guard lock(mutex_);
    tensors_.erase(memory);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::mutex mutex_;
  std::map<void*, torch::Tensor> tensors_;
};

}  // namespace

std::pmr::memory_resource* batch_memory(torch::Device device) {
  if (!device.is_cuda()) return std::pmr::new_delete_resource();
  static auto* const kPinned = new PinnedMemory;  // batches may outlive static objects
  return kPinned;
}

}  // namespace assemble
