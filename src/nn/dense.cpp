// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/dense.h"

#include "assemble/nn/multiply_add_counter.h"

namespace assemble::nn {

DenseImpl::DenseImpl(const DenseOptions& dense_options)
    : options(dense_options),
      weight(register_parameter("weight", torch::empty({options.out_features, options.in_features}))),
      bias(register_parameter("bias", torch::full({options.out_features}, options.bias))) {}

torch::Tensor DenseImpl::forward(const torch::Tensor& input) {
  MultiplyAddCounter::add(weight.numel());
  return torch::linear(input, weight, bias);
}

void DenseImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::Dense(" << options.in_features << ", " << options.out_features << ")";
}

}  // namespace assemble::nn
