// SPDX-License-Identifier: Apache-2.0
#include "fused_convolution.h"

#include <ATen/ops/cudnn_convolution_add_relu.h>
#include <ATen/ops/cudnn_convolution_relu.h>

namespace assemble {

bool can_be_fused(const ops::Convolution& conv) { return conv.groups == 1 && !conv.quantised; }

std::vector<std::optional<NodeId>> summed_convolutions(const Graph& graph) {
  const std::vector<std::vector<NodeId>> readers = graph.readers();
  std::vector<std::optional<NodeId>> summed(graph.nodes().size());
  for (NodeId id = 0; id < graph.nodes().size(); ++id) {
    const auto* add = graph.node(id).as<ops::Add>();
    if (add == nullptr || !add->relu) continue;
    for (const NodeId input : graph.node(id).inputs) {
      const auto* conv = graph.node(input).as<ops::Convolution>();
      const bool is_alone = conv != nullptr && !conv->relu && can_be_fused(*conv) && readers[input].size() == 1;
      // The other must be there when the sum is computed, which it is: nodes come after what they read.
      if (is_alone && graph.node(input).shape == graph.node(id).shape) summed[id] = input;
    }
  }
  return summed;
}

torch::Tensor cudnn_fused_convolution(const FusedConvolution& what) {
  const auto& [input, weight, bias, added, stride, padding] = what;
  const at::IntArrayRef dilation{1, 1};
  if (!added.defined()) return at::cudnn_convolution_relu(input, weight, bias, stride, padding, dilation, 1);
  return at::cudnn_convolution_add_relu(input, weight, added, /*alpha=*/1, bias, stride, padding, dilation, 1);
}

}  // namespace assemble
