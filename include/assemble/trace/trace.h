// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "assemble/deploy/graph.h"
#include "assemble/models/classifier.h"

namespace assemble {

/// The graph of a network in evaluation mode, as it is written: one node for each operation that LibTorch was asked for
/// while the network ran once. A tweak made of known operations needs no description of its own here.
/// @param image_size side of the input, pixels; the graph is for this size
/// @throws UsageError for a size that the network does not take, or an operation that graphs do not know
Graph trace(ClassifierImpl& model, int64_t image_size);

}  // namespace assemble
