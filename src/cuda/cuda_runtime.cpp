// SPDX-License-Identifier: Apache-2.0
// The library libassemble_cuda.so: the one place that is linked with LibTorch's CUDA libraries.
#include "assemble/nn/cuda_runtime.h"

#include <ATen/cuda/CUDAContext.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <nccl.h>

#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

namespace assemble {
namespace {

class Graph : public RecordedWork {
 public:
  Graph(c10::Device device, const std::function<void()>& work, int warm_up) {
    const c10::cuda::CUDAGuard on_device(device);
    const c10::cuda::CUDAStream outer = c10::cuda::getCurrentCUDAStream();
    const c10::cuda::CUDAStream side = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
    after(outer, side);
    {
      const c10::cuda::CUDAStreamGuard on_side(side);
      for (int i = 0; i < warm_up; ++i) work();
      // Other threads (the loader's pinned memory) go on allocating meanwhile.
      graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
      try {
        work();
      } catch (...) {
        graph_.capture_end();
        throw;
      }
      graph_.capture_end();
    }
    after(side, outer);
  }

  void replay() override { graph_.replay(); }

 private:
  /// What `later` is given from now on waits for what `earlier` has.
  static void after(const c10::cuda::CUDAStream& earlier, const c10::cuda::CUDAStream& later) {
    at::cuda::CUDAEvent event;
    event.record(earlier);
    event.block(later);
  }

  at::cuda::CUDAGraph graph_;
};

class TorchCuda : public CudaRuntime {
 public:
  int devices() const override { return at::cuda::device_count(); }

  std::string description() const override {
    const auto version = [](int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); };
    return "CUDA " + version(CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10) + ", NCCL " +
           version(NCCL_MAJOR, NCCL_MINOR) + "." + std::to_string(NCCL_PATCH);
  }

  std::unique_ptr<RecordedWork> record(c10::Device device, const std::function<void()>& work,
                                       int warm_up) const override {
    return std::make_unique<Graph>(device, work, warm_up);
  }

  c10::intrusive_ptr<c10d::Backend> nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
                                         std::chrono::milliseconds timeout) const override {
    const auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world, options);
  }
};

}  // namespace
}  // namespace assemble

extern "C" __attribute__((visibility("default"))) const assemble::CudaRuntime* assemble_cuda_runtime() {
  static const assemble::TorchCuda kRuntime;
  return &kRuntime;
}
