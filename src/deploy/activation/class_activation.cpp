// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/class_activation.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "activation/head_pass.h"
#include "activation/split_network.h"
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/passes.h"
#include "engines/engines.h"
#include "engines/observer.h"
#ifdef ASSEMBLE_OPENVINO
#include "engines/openvino_activation.h"
#endif

namespace assemble {
namespace {

std::vector<NodeId> observed_nodes(const Graph& trunk, const std::vector<SelectiveKernelNode>& kernels) {
  std::vector<NodeId> nodes{trunk.nodes().size() - 1};
  for (const SelectiveKernelNode& kernel : kernels) nodes.push_back(kernel.weights);
  return nodes;
}

/// Over the places of each channel.
void average_places(std::vector<double>& gradient, size_t places) {
  for (size_t begin = 0; begin < gradient.size(); begin += places) {
    const auto first = gradient.begin() + static_cast<ptrdiff_t>(begin), last = first + static_cast<ptrdiff_t>(places);
    std::fill(first, last, std::accumulate(first, last, 0.0) / static_cast<double>(places));
  }
}

}  // namespace

std::optional<int64_t> ClassActivation::peak() const {
  const auto largest = std::ranges::max_element(values);
  if (largest == values.end() || !(*largest > 0)) return {};
  return largest - values.begin();
}

struct ActivationMapper::Parts {
  Graph head;
  ActivationMethod method;
  int64_t image_size;
  std::vector<std::string> blocks;
  std::function<Activations(const Images& image)> run;
  int64_t offset = 0;  ///< outputs of the head before that of class 0
};

ActivationMapper::ActivationMapper(const Graph& graph, const std::string& where) {
  SplitNetwork split = split_network(graph, where);
  const int64_t image_size = split.trunk.input().shape.at(1);
  const Graph trunk = optimise(split.trunk);
  const std::vector<SelectiveKernelNode> kernels = find_selective_kernels(trunk);
  parts_ = std::make_unique<Parts>(Parts{std::move(split.head), split.method, image_size, {}, {}, 0});
  for (const SelectiveKernelNode& kernel : kernels) parts_->blocks.push_back(kernel.block);
  const auto observer = std::make_shared<GraphObserver>(trunk, observed_nodes(trunk, kernels), "class activations");
  parts_->run = [observer, &head = parts_->head](const Images& image) {
    Activations result;
    observer->run(image, [&](size_t index, std::span<const float> values) {
      if (index == 0) {
        result.map.assign(values.begin(), values.end());
      } else {
        result.first_halves.push_back(mean_weight(values));
      }
    });
    result.logits = HeadPass(head, result.map).output();
    return result;
  };
}
ActivationMapper::ActivationMapper(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
ActivationMapper::~ActivationMapper() = default;
ActivationMapper::ActivationMapper(ActivationMapper&&) noexcept = default;
ActivationMapper& ActivationMapper::operator=(ActivationMapper&&) noexcept = default;

Activations ActivationMapper::run(const Images& image) {
  if (image.count != 1) throw UsageError("images", concat("are ", image.count, ", expected one"));
  Activations result = parts_->run(image);
  result.logits.erase(result.logits.begin(), result.logits.begin() + parts_->offset);
  return result;
}

ClassActivation ActivationMapper::of_class(const Activations& activations, int64_t output) const {
  const Graph& head = parts_->head;
  const int64_t outputs = head.outputs() - parts_->offset;
  if (output < 0 || output >= outputs) {
    throw UsageError(concat("class ", output), concat("is none of the network's ", outputs, " outputs"));
  }
  const std::vector<int64_t>& shape = head.input().shape;
  ClassActivation result{shape.at(1), shape.at(2), {}};
  const auto places = static_cast<size_t>(result.height * result.width);
  std::vector<double> gradient = HeadPass(head, activations.map).gradient(output + parts_->offset);
  if (parts_->method == ActivationMethod::kGradCam) average_places(gradient, places);
  std::vector<double> sums(places);
  for (size_t i = 0; i < gradient.size(); ++i) sums[i % places] += gradient[i] * activations.map[i];
  for (const double sum : sums) result.values.push_back(static_cast<float>(std::max(sum, 0.0)));
  return result;
}

ActivationMethod ActivationMapper::method() const { return parts_->method; }
const std::vector<std::string>& ActivationMapper::blocks() const { return parts_->blocks; }
int64_t ActivationMapper::image_size() const { return parts_->image_size; }

MappedModel ActivationMapper::of_onnx(const fs::path& model, int64_t image_size,
                                      [[maybe_unused]] const ForeignModelOptions& options) {
#ifdef ASSEMBLE_OPENVINO
  std::optional<ForeignModel> foreign;
  if (is_foreign(model)) foreign = read_foreign(model, options);
  ModelCard card = foreign ? foreign->card : card_of_onnx(model);
  const int64_t size = card.preprocessing.eval_size;
  if (image_size > 0 && image_size != size) {
    throw UsageError(model.string(), concat("is for images of ", size, ", not ", image_size));
  }
  const NetworkForm form = foreign ? NetworkForm{.output = foreign->output_name, .foreign = &*foreign} : NetworkForm{};
  OpenvinoActivation read = open_openvino_activation(model.string(), form);
  const int64_t offset = foreign ? foreign->label_offset : 0;
  if (foreign && card.class_names.empty()) {
    foreign->count_classes(read.head.outputs());
    card.class_names = foreign->card.class_names;
  }
  require_class_names(card, read.head.outputs() - offset, model.string());
  ActivationMapper mapper(std::make_unique<Parts>(
      Parts{std::move(read.head), read.method, size, read.blocks, std::move(read.run), offset}));
  return {std::move(card), std::move(mapper)};
#else
  throw UsageError(model.string(), concat("needs OpenVINO for images of ", image_size, ", which this build lacks"));
#endif
}

MappedModel open_activation_mapper(const fs::path& model, int64_t image_size, const ForeignModelOptions& foreign) {
  if (model.extension() == ".onnx" || model.extension() == kIrEnding) {
    return ActivationMapper::of_onnx(model, image_size, foreign);
  }
  const SafetensorsFile file(model);
  ModelCard card = read_model_card(file);
  const int64_t size = image_size > 0 ? image_size : card.preprocessing.eval_size;
  return {std::move(card), ActivationMapper(read_graph(file, size), model.string())};
}

}  // namespace assemble
