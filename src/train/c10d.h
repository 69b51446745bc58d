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

#include "assemble/core/ranks.h"
#include "assemble/nn/cuda_runtime.h"

namespace assemble {

using ProcessGroup = c10::intrusive_ptr<c10d::ProcessGroup>;
using Store = c10::intrusive_ptr<c10d::Store>;

/// Gloo between processes that have all reached the store.
/// Connections are made over the network that leads to rank 0's machine, unless GLOO_SOCKET_IFNAME names another. Where
/// rank 0 knows itself as localhost alone, as some launchers have it, and processes may run elsewhere, it takes the
/// address of its host's name.
/// @param timeout of every exchange
ProcessGroup make_gloo_group(const Store& store, const Ranks& ranks, std::chrono::milliseconds timeout);

enum class DeviceLink { kGloo, kNccl };

/// Has the group exchange tensors of CUDA devices too. @param cuda for NCCL
void use_device(const ProcessGroup& group, const Store& store, DeviceLink link, const CudaRuntime* cuda);

/// Averages gradients by the bucket, in the order in which the first backward pass makes them.
std::unique_ptr<c10d::Reducer> make_reducer(const std::vector<torch::Tensor>& parameters, const ProcessGroup& group);

}  // namespace assemble
