// SPDX-License-Identifier: Apache-2.0
#include "engines/openvino_activation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <openvino/openvino.hpp>
#include <openvino/opsets/opset13.hpp>
#include <openvino/pass/constant_folding.hpp>
#include <openvino/pass/manager.hpp>

#include "activation/split_network.h"
#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "assemble/deploy/onnx_export.h"
#include "engines/openvino_head.h"
#include "engines/openvino_model.h"

namespace assemble {
namespace {

/// A selective kernel as to_onnx() writes it: what its first half is weighed with.
struct Kernel {
  std::string block;
  ov::Output<ov::Node> weights;
};

std::vector<Kernel> find_kernels(const ov::Model& model) {
  std::vector<Kernel> kernels;
  for (const auto& node : model.get_ordered_ops()) {
    if (!node->get_friendly_name().ends_with(kMixWeighted) || node->get_input_size() != 2) continue;
    const ov::Output<ov::Node> weights = node->input_value(1);
    std::string block = weights.get_node()->get_friendly_name();
    for (const ov::Node* at = weights.get_node(); at->get_input_size() > 0; at = at->get_input_node_ptr(0)) {
      const std::string& name = at->get_friendly_name();
      if (const size_t end = name.rfind(".fc_"); end != std::string::npos) {
        block = name.substr(0, end);
        break;
      }
    }
    kernels.push_back({block, weights});
  }
  return kernels;
}

std::shared_ptr<ov::Node> as_result(const ov::Output<ov::Node>& value) {
  return std::make_shared<ov::opset13::Result>(std::make_shared<ov::opset13::Convert>(value, ov::element::f32));
}

ov::CompiledModel compile(const std::shared_ptr<ov::Model>& model, const std::string& where) {
  const ov::AnyMap settings{ov::num_streams(1), ov::inference_num_threads(available_cores()),
                            ov::hint::inference_precision(ov::element::f32)};
  try {
    return openvino_core().compile_model(model, "CPU", settings);
  } catch (const std::exception& error) {
    throw RunError(where, concat("OpenVINO cannot compile it: ", told_by_openvino(error)));
  }
}

/// The model for one image, with the constants worked out that depend on its size.
std::shared_ptr<ov::Model> read_for_one(const std::string& where, const NetworkForm& form) {
  std::shared_ptr<ov::Model> model = read_model_file(where, form);
  try {
    model = fed_model(std::move(model), form, 1);
    ov::pass::Manager passes;
    passes.register_pass<ov::pass::ConstantFolding>();
    passes.run_passes(model);
    return model;
  } catch (const std::exception& error) {
    throw InputError(where, concat("does not take one image at a time: ", told_by_openvino(error)),
                     "export it for one image, or with a free number of images (dynamic_axes)");
  }
}

class Network {
 public:
  Network(const std::shared_ptr<ov::Model>& model, const std::string& where)
      : model_(compile(model, where)), request_(model_.create_infer_request()) {}

  Activations run(const Images& image) {
    const ov::Shape shape = model_.input().get_shape();
    const bool pixels = model_.input().get_element_type() == ov::element::u8;
    require_images(image, static_cast<int64_t>(shape.at(1)), static_cast<int64_t>(shape.at(2)), pixels);
    ov::Tensor input = request_.get_input_tensor();
    if (pixels) {
      fill_bytes(image, input.data<uint8_t>());
    } else {
      std::copy_n(std::get<const float*>(image.pixels), image.values_per_image(), input.data<float>());
    }
    request_.infer();
    Activations result;
    const auto values = [&](size_t output) {
      const ov::Tensor tensor = request_.get_output_tensor(output);
      return std::span(tensor.data<const float>(), tensor.get_size());
    };
    const std::span<const float> map = values(kMap), logits = values(kLogits);
    result.map.assign(map.begin(), map.end());
    result.logits.assign(logits.begin(), logits.end());
    for (size_t output = kFirstKernel; output < model_.outputs().size(); ++output) {
      result.first_halves.push_back(mean_weight(values(output)));
    }
    return result;
  }

 private:
  static constexpr size_t kMap = 0, kLogits = 1, kFirstKernel = 2;

  static void fill_bytes(const Images& image, uint8_t* to) {
    if (const auto* bytes = std::get_if<const uint8_t*>(&image.pixels)) {
      std::copy_n(*bytes, image.values_per_image(), to);
      return;
    }
    const float* floats = std::get<const float*>(image.pixels);
    std::transform(floats, floats + image.values_per_image(), to,
                   [](float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.f, 255.f)); });
  }

  ov::CompiledModel model_;
  ov::InferRequest request_;
};

}  // namespace

OpenvinoActivation open_openvino_activation(const std::string& where, const NetworkForm& form) {
  const std::shared_ptr<ov::Model> model = read_for_one(where, form);
  OpenvinoHead head = read_head(*model, where);
  OpenvinoActivation result{std::move(head.graph), head.method, {}, {}};
  // A model of its own: OpenVINO does not notice what is put between a model and an output that is added to it.
  ov::OutputVector outputs{as_result(head.map), as_result(head.logits)};
  for (const Kernel& kernel : find_kernels(*model)) {
    outputs.push_back(as_result(kernel.weights));
    result.blocks.push_back(kernel.block);
  }
  const auto network = std::make_shared<Network>(std::make_shared<ov::Model>(outputs, model->get_parameters()), where);
  result.run = [network](const Images& image) { return network->run(image); };
  return result;
}

}  // namespace assemble
