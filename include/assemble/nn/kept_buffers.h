// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/utils.h>

#include <utility>
#include <vector>

namespace assemble::nn {

/// Puts a module's buffers, such as the running statistics of batch norms, back to what they were at the end of its
/// life, also after an exception.
class KeptBuffers {
 public:
  explicit KeptBuffers(const torch::nn::Module& module) {
    for (const torch::Tensor& buffer : module.buffers()) before_.emplace_back(buffer, buffer.detach().clone());
  }
  ~KeptBuffers() {
    const torch::NoGradGuard no_grad;
    for (auto& [buffer, value] : before_) buffer.copy_(value);
  }
  KeptBuffers(const KeptBuffers&) = delete;
  KeptBuffers& operator=(const KeptBuffers&) = delete;

 private:
  std::vector<std::pair<torch::Tensor, torch::Tensor>> before_;
};

}  // namespace assemble::nn
