// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

namespace assemble::nn {

/// Keeps a module in evaluation mode while it lives; then the mode is as before, also after an exception.
class EvalMode {
 public:
  explicit EvalMode(torch::nn::Module& module) : module_(module), was_training_(module.is_training()) {
    module_.eval();
  }
  ~EvalMode() { module_.train(was_training_); }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  torch::nn::Module& module_;
  bool was_training_;
};

}  // namespace assemble::nn
