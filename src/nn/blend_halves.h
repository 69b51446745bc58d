// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace assemble::nn {

/// second + (first - second) · weight of the halves of the channels, for training: one pass forward, one backward.
/// @param halves [N, 2C, H, W], of which in_passes() is true
/// @param weight [N, C, 1, 1]
torch::Tensor blend_halves(const torch::Tensor& halves, const torch::Tensor& weight);

}  // namespace assemble::nn
