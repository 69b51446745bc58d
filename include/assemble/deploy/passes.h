// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/deploy/graph.h"
#include "assemble/image/preprocess.h"

namespace assemble {

/// Every rewrite below that makes a graph faster and leaves its results, up to rounding (≤ 1e-5 relative).
Graph optimise(const Graph& graph);

/// Batch norms become part of the convolution before them: w · scale, bias · scale + shift.
Graph fold_batch_norm(const Graph& graph);
/// ReLU becomes part of the convolution or sum before it.
Graph fuse_relu(const Graph& graph);
/// Repeating the last row and column before an average of 2×2 becomes an average over the pixels that exist.
Graph merge_padding(const Graph& graph);
/// A convolution whose channels are split becomes one convolution a part, so that nothing is split or joined at run
/// time; the difference of two 1×1 convolutions of one tensor becomes one convolution. Of a selective kernel this
/// leaves two 3×3 convolutions, means and two small 1×1 convolutions.
Graph split_convolutions(const Graph& graph);
/// A 1×1 convolution before a depthwise filter or an average pooling that strides comes after it when that costs fewer
/// multiply-adds and is exact: filters whose weights sum to one over existing pixels keep the bias.
Graph order_projections(const Graph& graph);
/// Upsampling, sum and ReLU become one step.
Graph fuse_upsample_add(const Graph& graph);

/// Average poolings whose zero padding counts become depthwise convolutions of equal weights, for which engines have
/// faster kernels in 8 bits.
Graph pools_as_convolutions(const Graph& graph);

/// The graph that takes bytes [N, H, W, 3] and subtracts the mean and divides by the deviation itself.
Graph with_preprocessing(const Graph& graph, const Preprocessing& preprocessing);

}  // namespace assemble
