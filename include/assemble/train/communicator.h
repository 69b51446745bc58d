// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assemble/core/exchange.h"
#include "assemble/core/ranks.h"

namespace assemble {

/// What the processes that train one network together tell each other. This one is for a process alone: it does
/// nothing.
class Communicator : public Exchange {
 public:
  using Exchange::broadcast;
  using Exchange::gather;

  /// Puts the sums over all ranks in their places.
  virtual void sum(std::span<double>) {}
  /// Values [K] of each rank: [world, K].
  virtual torch::Tensor gather(const torch::Tensor& values) { return values.unsqueeze(0); }
  /// Puts rank 0's values in the places of all others'.
  virtual void broadcast(const std::vector<torch::Tensor>&) {}
  /// Puts the means over all ranks in their places.
  virtual void average(const std::vector<torch::Tensor>&) {}

  /// Tensors of this device can be exchanged from here on: by NCCL where each rank has a device of its own, otherwise
  /// by Gloo, which goes through the CPU's memory. Tensors of the CPU always can.
  virtual void compute_on(torch::Device) {}
  /// Whether exchanges of that device's tensors wait for the CPU, so that they cannot be part of a CUDA graph.
  virtual bool waits_for_cpu() const { return false; }

  /// Of these parameters, which are the same on all ranks, backward() averages the gradients. Each must get a gradient
  /// with every backward pass. Called again, it begins anew: after a pass that was broken off.
  /// @throws UsageError naming the rank whose parameters have other sizes
  virtual void share_gradients(const std::vector<torch::Tensor>&) {}
  /// @param synchronise average what has been accumulated over the ranks: for the last backward pass of a step.
  ///        Gradients are on their way, by the bucket, while others are still being computed
  virtual void backward(const torch::Tensor& loss, bool synchronise);
};

struct ConnectOptions {
  std::chrono::milliseconds to_start{300'000};  ///< until all ranks have come
  std::chrono::milliseconds to_answer{30'000};  ///< after which a rank that gives no sign of life is taken for lost
  /// That an exchange waits for ranks that are alive and not there yet.
  std::chrono::milliseconds to_meet{1'800'000};
  std::string hint = "`resume` goes on from the last checkpoint";  ///< what to do when a rank is lost
  /// Called, from a thread of its own, when a rank is lost and this one does not find out by itself, since it waits for
  /// that rank: a rank that hangs keeps its connections open. To end the process here is the one way to go on. Without
  /// it, such a wait lasts as long as `to_meet`.
  std::function<void(const std::string& reason)> on_lost = {};
};

/// Joins the processes of a job: LibTorch's store at the address, Gloo between the processes. Returns a Communicator
/// alone when there is one process. Every function of the result throws RunError when a rank is lost, saying which;
/// those that another process' error ends say that error.
/// @throws RunError when the address does not answer, a port is taken or a rank does not come in time
std::unique_ptr<Communicator> connect(const Ranks& ranks, const ConnectOptions& options = {});

/// Serves the store of a job whose processes it does not belong to: what a launcher does for those that it starts.
class JobStore {
 public:
  /// @throws RunError when no port is free
  JobStore();
  ~JobStore();
  JobStore(const JobStore&) = delete;
  JobStore& operator=(const JobStore&) = delete;
  uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace assemble
