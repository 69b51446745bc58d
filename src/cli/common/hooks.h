// SPDX-License-Identifier: Apache-2.0
// What commands of `assemble` do by LibTorch where the program has it. The program without it leaves these empty, and
// what needs one throws NeedsTorch.
#pragma once

#include <functional>
#include <memory>
#include <memory_resource>
#include <string>
#include <vector>

#include "assemble/core/exchange.h"
#include "assemble/core/ranks.h"
#include "common/inference.h"

namespace assemble::cli {

struct Hooks {
  /// Waits for the other processes of a job, and joins them. A rank that is lost later ends this process.
  std::function<std::unique_ptr<Exchange>(const Ranks& place)> connect = {};
  /// Of the devices that a name without a number may mean, the one of this process among those on its machine.
  std::function<std::string(const std::string& device, int local_rank)> own_device = {};
  /// Memory for batches that go to a device of LibTorch.
  std::function<std::pmr::memory_resource*(const std::string& device)> batch_memory = {};
  /// The memory for batches of a network that is run so.
  std::pmr::memory_resource* memory_for(const InferenceOptions& options) const {
    const bool on_torch = batch_memory && options.kind() == EngineKind::kTorch;
    return on_torch ? batch_memory(options.device) : std::pmr::new_delete_resource();
  }
  /// A teacher on LibTorch, whose logits do not depend on the number of threads.
  std::function<LoadedModel(const InferenceOptions& options)> load_teacher = {};
  /// Logits of images by networks that were trained, for so many minutes together, on the other parts of them alone.
  std::function<Matrix(const Dataset& images, const std::vector<int>& part_of_each, double minutes)> held_out_logits =
      {};
  /// Whether `train` takes a recipe. @throws UsageError otherwise
  std::function<void(const fs::path& recipe)> check_training = {};
};

}  // namespace assemble::cli
