// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/cosine_dense.h"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/torch.h>

#include "assemble/nn/multiply_add_counter.h"

namespace assemble::nn {
namespace {

constexpr double kLeastSquare = 1e-12;

/// [N, C] at length one. Written as a map of one channel, [N, 1, C, 1]: the operations that inference graphs have.
torch::Tensor unit_length(const torch::Tensor& input) {
  const torch::Tensor map = input.unsqueeze(1).unsqueeze(3);
  const torch::Tensor squares = map.pow(2).sum({2, 3}, /*keepdim=*/true).clamp_min(kLeastSquare);
  return (map * squares.pow(-0.5)).flatten(1);
}

}  // namespace

CosineDenseImpl::CosineDenseImpl(const CosineDenseOptions& dense_options)
    : options(dense_options),
      weight(register_parameter("weight", torch::empty({options.out_features, options.in_features}))) {}

torch::Tensor CosineDenseImpl::forward(const torch::Tensor& input) {
  const c10::impl::ExcludeDispatchKeyGuard without_autocast(c10::autocast_dispatch_keyset);
  MultiplyAddCounter::add(weight.numel());
  const torch::Tensor unit_rows = torch::_weight_norm(weight, weight.new_ones({options.out_features, 1}), /*dim=*/0);
  return torch::linear(unit_length(input.to(weight.scalar_type())), unit_rows) * options.scale;
}

void CosineDenseImpl::pretty_print(std::ostream& stream) const {
  stream << "assemble::nn::CosineDense(" << options.in_features << ", " << options.out_features
         << ", scale=" << options.scale << ")";
}

}  // namespace assemble::nn
