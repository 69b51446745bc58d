// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

namespace assemble::nn {

/// Generalised mean pooling (Radenović, Tolias & Chum, arXiv 1711.02512) with p = 3: the cube root of the mean of the
/// cubes over height and width.
///
/// Values are clipped to [1e-6, 1e12] first and the sum of cubes to at least 1e-6, as in the original; it is computed
/// in f32 for narrower types. Shapes: [N, C, H, W] to [N, C, 1, 1].
torch::Tensor gem_pool(const torch::Tensor& input);

}  // namespace assemble::nn
