// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include "assemble/nn/batch_norm.h"

namespace assemble::nn {

/// A batch norm's training step with what follows it, in as few passes over the activations as its statistics allow:
/// two forward, two backward.
///
/// The same sums whatever the number of threads: they are of blocks whose size follows from the activations' shape
/// alone, and put together as Chan, Golub & LeVeque do (1979), in doubles.
/// @param input of which in_passes() is true; the batch norm's weights are f32
/// @param addend of the input's shape, joins before the activation; or undefined
torch::Tensor fused_batch_norm(const torch::Tensor& input, const torch::Tensor& addend, BatchNormImpl& bn,
                               Activation activation);

}  // namespace assemble::nn
