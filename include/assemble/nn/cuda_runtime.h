// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/util/intrusive_ptr.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace assemble {

/// Work that was recorded on a CUDA device, and is launched again as a whole (a CUDA graph).
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  /// Launches it on the current stream, with the tensors that it was recorded with.
  virtual void replay() = 0;
};

/// What LibTorch's CUDA libraries alone can do. They lie in a library of their own, libassemble_cuda.so, that is loaded
/// when a CUDA device is first asked for: the same program runs with and without them, and carries them only then.
class CudaRuntime {
 public:
  virtual ~CudaRuntime() = default;

  /// How many devices there are.
  virtual int devices() const = 0;
  /// A text such as "CUDA 13.0, NCCL 2.28.9".
  virtual std::string description() const = 0;

  /// Runs `work` `warm_up` times on a stream of its own, then records what it launches. It must launch the same every
  /// time, on tensors that stay where they are, and must not wait for the device.
  /// @throws c10::Error when the work cannot be recorded
  virtual std::unique_ptr<RecordedWork> record(c10::Device device, const std::function<void()>& work,
                                               int warm_up) const = 0;

  /// NCCL between `world` processes, each with a device of its own.
  virtual c10::intrusive_ptr<c10d::Backend> nccl(const c10::intrusive_ptr<c10d::Store>& store, int rank, int world,
                                                 std::chrono::milliseconds timeout) const = 0;
};

/// Loads the libraries at the first call. They are looked for beside the program, in ../lib/assemble seen from it, and
/// where the loader looks.
/// @return nullptr when there are none, or no driver
const CudaRuntime* cuda_runtime();

/// Why cuda_runtime() is nullptr: what was not found, and where.
const std::string& why_no_cuda();

}  // namespace assemble
