// SPDX-License-Identifier: Apache-2.0
// What can be computed together with a convolution.
#pragma once

#include <optional>
#include <vector>

#include "assemble/trace/interpreter.h"

namespace assemble {

/// Of each node that adds and rectifies, the convolution that nothing else reads and whose output it adds to; of other
/// nodes nothing.
std::vector<std::optional<NodeId>> summed_convolutions(const Graph& graph);

/// Whether a fused kernel may compute it.
bool can_be_fused(const ops::Convolution& conv);

/// cuDNN's convolutions with bias, sum and ReLU, in one kernel.
torch::Tensor cudnn_fused_convolution(const FusedConvolution& what);

}  // namespace assemble
