// SPDX-License-Identifier: Apache-2.0
// What those who take graphs apart ask of them.
#pragma once

#include "assemble/deploy/graph.h"

namespace assemble {

/// Whether a node brings vectors to length one: x · (Σx²)^-½.
bool has_unit_length(const Graph& graph, const Node& node);

/// The graph as far as a node, which becomes its output.
Graph ending_at(const Graph& graph, NodeId end);

}  // namespace assemble
