// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <type_traits>

#include "channel_passes.h"

namespace assemble::nn {

/// Whether ChannelPasses take these activations [N, C, H, W]: in a processor's memory, channels_last, f32 or bf16.
inline bool in_passes(const torch::Tensor& activations) {
  return activations.is_cpu() && activations.dim() == 4 && activations.numel() > 0 &&
         (activations.scalar_type() == torch::kFloat || activations.scalar_type() == torch::kBFloat16) &&
         activations.is_contiguous(torch::MemoryFormat::ChannelsLast);
}

/// nullptr for an undefined tensor.
template <typename Value>
const Value* data_of(const torch::Tensor& tensor) {
  return tensor.defined() ? static_cast<const Value*>(tensor.const_data_ptr()) : nullptr;
}

/// nullptr for an undefined tensor.
template <typename Value>
Value* mutable_data_of(const torch::Tensor& tensor) {
  return tensor.defined() ? static_cast<Value*>(tensor.mutable_data_ptr()) : nullptr;
}

/// Calls body with a null pointer to the type that activations are kept in.
template <class Body>
void with_value_type(const torch::Tensor& activations, const Body& body) {
  if (activations.scalar_type() == torch::kBFloat16) {
    body(static_cast<Bf16*>(nullptr));
  } else {
    body(static_cast<float*>(nullptr));
  }
}

}  // namespace assemble::nn
