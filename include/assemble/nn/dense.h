// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>

namespace assemble::nn {

/// Options of Dense.
struct DenseOptions {
  int64_t in_features = 0;
  int64_t out_features = 0;
  double bias = 0;  ///< initial value of every bias
};

/// y = x · weightᵀ + bias; [N, in] to [N, out]. Parameters: weight [out, in] and bias [out]. The weight is not
/// initialised here: see initialise_weights().
class DenseImpl : public torch::nn::Module {
 public:
  explicit DenseImpl(const DenseOptions& options);
  torch::Tensor forward(const torch::Tensor& input);
  void pretty_print(std::ostream& stream) const override;

  const DenseOptions options;
  torch::Tensor weight;
  torch::Tensor bias;
};
TORCH_MODULE(Dense);

}  // namespace assemble::nn
