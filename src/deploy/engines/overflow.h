// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "assemble/deploy/graph.h"
#include "assemble/deploy/model_file.h"

namespace assemble {

/// Warns where what a network computes leaves the range of f32 on the way. OpenVINO's logits need not show it: its ReLU
/// makes a zero of NaN. Networks whose batch norms still have about their initial statistics do that, layer by layer;
/// others are not looked at.
/// @param traced its graph with its batch norms, and `where` its file
void warn_of_overflow(const Graph& traced, const ModelCard& card, const std::string& where);

}  // namespace assemble
