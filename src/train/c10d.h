// SPDX-License-Identifier: Apache-2.0
// What of LibTorch's c10d differs between its versions, or lies in headers that its packages leave out.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <vector>

#include "assemble/nn/cuda_runtime.h"

namespace assemble {

using ProcessGroup = c10::intrusive_ptr<c10d::ProcessGroup>;
using Store = c10::intrusive_ptr<c10d::Store>;

/// Gloo between processes that have all reached the store.
/// @param address of rank 0's machine: connections are made over the network that leads there, unless
///        GLOO_SOCKET_IFNAME names another
/// @param timeout of every exchange
ProcessGroup make_gloo_group(const Store& store, int rank, int world, const std::string& address,
                             std::chrono::milliseconds timeout);

enum class DeviceLink { kGloo, kNccl };

/// Has the group exchange tensors of CUDA devices too. @param cuda for NCCL
void use_device(const ProcessGroup& group, const Store& store, DeviceLink link, const CudaRuntime* cuda);

/// Averages gradients by the bucket, in the order in which the first backward pass makes them.
std::unique_ptr<c10d::Reducer> make_reducer(const std::vector<torch::Tensor>& parameters, const ProcessGroup& group);

}  // namespace assemble
