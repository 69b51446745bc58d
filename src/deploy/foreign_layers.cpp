// SPDX-License-Identifier: Apache-2.0
#include "foreign_layers.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/text.h"

namespace assemble {
namespace {

class LayerFinder {
  using Operator = OnnxGraph::Node;

 public:
  LayerFinder(const OnnxGraph& graph, const std::set<std::string>& keep, const std::string& file)
      : graph_(graph), keep_(keep), file_(file) {}

  std::vector<ForeignLayer> find() {
    std::set<std::string> unknown = keep_, names;
    std::vector<ForeignLayer> layers;
    for (size_t n = 0; n < graph_.nodes().size(); ++n) {
      const Operator& node = graph_.nodes()[n];
      const bool conv = node.type == "Conv", dense = node.type == "Gemm" || node.type == "MatMul";
      if (!node.domain.empty() || !(conv || dense) || node.inputs.size() < 2 || node.outputs.size() != 1) continue;
      ForeignLayer layer{.node = n, .name = node.name.empty() ? node.outputs[0] : node.name};
      if (!names.insert(layer.name).second) layer.name = concat(node.outputs[0], " (", layer.name, ")");
      layer.why = conv ? read_filters(node, layer) : read_matrix(node, layer);
      const bool kept = unknown.erase(layer.name) + unknown.erase(node.outputs[0]) > 0;
      if (layer.why.empty()) layer.why = read_bias(node, layer);
      if (node.type == "MatMul") find_addend(node, layer);
      if (layer.why.empty() && kept) layer.why = "kept";
      layers.push_back(std::move(layer));
    }
    if (!unknown.empty()) {
      throw UsageError("`keep`", concat("'", *unknown.begin(), "' is no layer with weights of ", file_),
                       "names are those of the layer report");
    }
    return layers;
  }

 private:
  static const char* type_name(OnnxType type) {
    if (type == OnnxType::kFloat16) return "f16";
    return type == OnnxType::kBfloat16 ? "bf16" : type == OnnxType::kDouble ? "f64" : "integers";
  }
  void require_finite(const ForeignLayer& layer, const std::vector<float>& values) const {
    if (all_finite(values)) return;
    throw InputError(file_, concat("weights of '", layer.name, "' are NaN or infinite"),
                     "its training went wrong, or the file is damaged");
  }
  /// @return why constants cannot be weights in 8 bits
  std::string unfit(const ForeignLayer& layer, const OnnxGraph::Values& weight) const {
    if (weight.type != OnnxType::kFloat) return concat("its weights are ", type_name(weight.type), ", not f32");
    require_finite(layer, weight.values);
    return "";
  }
  static int64_t integer(const Operator& node, const char* attribute, int64_t otherwise) {
    const auto found = node.integers.find(attribute);
    return found == node.integers.end() ? otherwise : found->second;
  }
  static float real(const Operator& node, const char* attribute, float otherwise) {
    const auto found = node.reals.find(attribute);
    return found == node.reals.end() ? otherwise : found->second;
  }

  /// @return why it cannot be
  std::string read_filters(const Operator& node, ForeignLayer& layer) const {
    const auto weight = graph_.constant(node.inputs[1]);
    if (!weight) return "its weights are computed";
    if (std::string why = unfit(layer, *weight); !why.empty()) return why;
    if (weight->dims.size() < 3 || weight->dims[0] < 1 || weight->values.empty())
      return "its weights are of another shape";
    layer.filters = Array(weight->dims, weight->values);
    return "";
  }

  std::string read_matrix(const Operator& node, ForeignLayer& layer) const {
    const auto weight = graph_.constant(node.inputs[1]);
    if (!weight)
      return graph_.is_constant(node.inputs[0]) ? "its first input is the constant" : "it multiplies two activations";
    if (std::string why = unfit(layer, *weight); !why.empty()) return why;
    if (weight->dims.size() != 2 || weight->values.empty()) return "its weights are no matrix";
    if (integer(node, "transA", 0) != 0 || real(node, "alpha", 1) != 1 || real(node, "beta", 1) != 1) {
      return "it scales or transposes its input";
    }
    layer.transposed = integer(node, "transB", 0) == 0;
    if (!layer.transposed) {
      layer.filters = Array(weight->dims, weight->values);
      return "";
    }
    layer.filters =
        Array({weight->dims[1], weight->dims[0]}, transpose(weight->values, weight->dims[0], weight->dims[1]));
    return "";
  }

  std::string read_bias(const Operator& node, ForeignLayer& layer) const {
    layer.has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
    if (!layer.has_bias) return "";
    const auto bias = graph_.constant(node.inputs[2]);
    const int64_t channels = layer.filters.size(0);
    if (!bias || static_cast<int64_t>(bias->values.size()) != channels) {
      return "its bias is no constant of f32, one a channel";
    }
    require_finite(layer, bias->values);
    layer.bias = Array({channels}, bias->values);
    return "";
  }

  /// MatMul has no bias: what adds one to it is an operator of its own.
  void find_addend(const Operator& product, ForeignLayer& layer) const {
    const Operator* only = nullptr;
    for (const Operator& node : graph_.nodes()) {
      if (std::ranges::find(node.inputs, product.outputs[0]) == node.inputs.end()) continue;
      if (only != nullptr) return;
      only = &node;
    }
    if (only == nullptr || only->type != "Add" || only->inputs.size() != 2 || !layer.filters.defined()) return;
    const auto addend = graph_.constant(only->inputs[only->inputs[0] == product.outputs[0] ? 1 : 0]);
    const int64_t channels = layer.filters.size(0);
    if (!addend || static_cast<int64_t>(addend->values.size()) != channels || addend->dims.empty() ||
        addend->dims.back() != channels) {
      return;
    }
    layer.added = only->outputs[0];
    layer.addend = *addend;
  }

  const OnnxGraph& graph_;
  const std::set<std::string>& keep_;
  const std::string& file_;
};

}  // namespace

std::vector<ForeignLayer> find_foreign_layers(const OnnxGraph& graph, const std::set<std::string>& keep,
                                              const std::string& file) {
  return LayerFinder(graph, keep, file).find();
}

}  // namespace assemble
