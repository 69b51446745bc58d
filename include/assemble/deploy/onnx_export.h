// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "assemble/deploy/graph.h"
#include "assemble/io/onnx_writer.h"

namespace assemble {

inline constexpr const char* kImagesInput = "images";
inline constexpr const char* kLogitsOutput = "logits";
inline constexpr const char* kEmbeddingOutput = "embedding";
/// What the product of a mixture's weights is called, behind the node's name.
inline constexpr const char* kMixWeighted = "/weighted";

/// A graph as ONNX: input "images" [batch, …] as the graph's input says, output "logits" [batch, classes], both f32
/// (bytes when the preprocessing is inside), and "embedding" [batch, E] of a graph with an ops::Embedding. Quantisation
/// is written as pairs of QuantizeLinear and DequantizeLinear; weights of quantised convolutions are int8 with a scale
/// a channel, their biases int32.
/// @param metadata goes into the file as it is
/// @param observed nodes whose values are further outputs, "observed_0" and so on
/// @throws InputError naming a layer whose weights are not finite
OnnxModel to_onnx(const Graph& graph, const std::map<std::string, std::string>& metadata = {},
                  const std::vector<NodeId>& observed = {});

}  // namespace assemble
