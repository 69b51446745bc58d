// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "assemble/core/file.h"
#include "assemble/deploy/engine.h"

namespace assemble {

/// What the half with LibTorch adds to this one. use_torch() (assemble/models/use_torch.h) fills it in; without that, what
/// needs it throws NeedsTorch.
struct TorchBackend {
  /// The LibTorch engine.
  std::function<std::unique_ptr<Engine>(const Graph& graph, const EngineOptions& options)> make_engine;
  /// The graph of a model file, whatever the file says of it: its network is built and run once.
  std::function<Graph(const fs::path& model, int64_t image_size)> trace_file;
  /// The traced graph of a network with random weights and 1000 classes.
  /// @param arch an arch or a preset; `image_size` 0: the preset's, or 224
  std::function<Graph(const std::string& arch, int64_t image_size)> trace_fresh;
  /// Whether there is a CUDA device.
  std::function<bool()> has_cuda;
};

/// To be called before engines are made; not while others run.
void set_torch_backend(TorchBackend backend);
bool has_torch_backend();
/// @param what needs it, for the error
/// @throws NeedsTorch when there is none
const TorchBackend& torch_backend(const std::string& what);

}  // namespace assemble
