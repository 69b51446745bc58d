// SPDX-License-Identifier: Apache-2.0
#include "engines/observer.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#ifdef ASSEMBLE_OPENVINO
#include "assemble/core/thread_pool.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/onnx_export.h"
#include "engines/openvino_model.h"
#endif

namespace assemble {

#ifdef ASSEMBLE_OPENVINO

struct GraphObserver::Compiled {
  int64_t height, width;
  size_t nodes;
  ov::CompiledModel model;
  ov::InferRequest request;
};

GraphObserver::GraphObserver(const Graph& graph, const std::vector<NodeId>& nodes, const std::string& purpose) {
  const std::vector<int64_t>& shape = graph.input().shape;
  if (graph.input().as<ops::Input>()->pixels) throw UsageError(purpose, "is for graphs that take floats");
  try {
    std::shared_ptr<ov::Model> model = read_openvino_model(serialise(to_onnx(graph, {}, nodes)), purpose);
    ov::preprocess::PrePostProcessor steps(model);
    steps.input().tensor().set_layout("NHWC");
    steps.input().model().set_layout("NCHW");
    model = steps.build();
    ov::PartialShape one = model->input().get_partial_shape();
    one[0] = 1;
    model->reshape(one);
    const ov::AnyMap settings{ov::num_streams(1), ov::inference_num_threads(available_cores()),
                              ov::hint::inference_precision(ov::element::f32)};
    ov::CompiledModel compiled = openvino_core().compile_model(model, "CPU", settings);
    ov::InferRequest request = compiled.create_infer_request();
    compiled_ = std::make_unique<Compiled>(Compiled{shape.at(1), shape.at(2), nodes.size(), compiled, request});
  } catch (const ov::Exception& error) {
    throw RunError(purpose, concat("OpenVINO cannot compile the graph: ", told_by_openvino(error)));
  }
}

void GraphObserver::run(const Images& images, const See& see) {
  require_images(images, compiled_->height, compiled_->width, /*pixels=*/false);
  const auto shape = compiled_->model.input().get_shape();
  for (int64_t i = 0; i < images.count; ++i) {
    const float* pixels = std::get<const float*>(images.part(i, i + 1).pixels);
    compiled_->request.set_input_tensor(ov::Tensor(ov::element::f32, shape, const_cast<float*>(pixels)));
    compiled_->request.infer();
    for (size_t node = 0; node < compiled_->nodes; ++node) {
      const ov::Tensor values = compiled_->request.get_output_tensor(node + 1);  // the first is the graph's own
      see(node, {values.data<float>(), values.get_size()});
    }
  }
}

namespace {

constexpr const char* kForeignHint = "export it again with ONNX's own operators, set 17";

}  // namespace

struct ValueObserver::Compiled {
  int64_t batch;
  int64_t side;
  bool pixels;
  ov::CompiledModel model;
  ov::InferRequest request;
  std::vector<size_t> outputs;  ///< of the values
};

ValueObserver::ValueObserver(std::string onnx, const ForeignModel& foreign, const std::vector<std::string>& values,
                             const std::string& where) {
  const int64_t batch = std::max<int64_t>(foreign.batch, 1);
  try {
    const std::shared_ptr<ov::Model> model =
        fed_model(read_openvino_model(std::move(onnx), where, kForeignHint), {.foreign = &foreign}, batch);
    const ov::AnyMap settings{ov::num_streams(1), ov::inference_num_threads(available_cores()),
                              ov::hint::inference_precision(ov::element::f32)};
    ov::CompiledModel compiled = openvino_core().compile_model(model, "CPU", settings);
    std::vector<size_t> outputs;
    for (const std::string& value : values) {
      const auto& all = compiled.outputs();
      const auto found =
          std::ranges::find_if(all, [&](const auto& output) { return output.get_names().contains(value); });
      if (found == all.end()) throw RunError(where, concat("OpenVINO knows no value '", value, "' of it"));
      outputs.push_back(static_cast<size_t>(found - all.begin()));
    }
    ov::InferRequest request = compiled.create_infer_request();
    compiled_ = std::make_unique<Compiled>(
        Compiled{batch, foreign.card.preprocessing.eval_size, foreign.pixels, compiled, request, std::move(outputs)});
  } catch (const ov::Exception& error) {
    throw RunError(where, concat("OpenVINO cannot compile it: ", told_by_openvino(error)));
  }
}

int64_t ValueObserver::batch() const { return compiled_->batch; }

void ValueObserver::run(const Images& images, const See& see) {
  Compiled& network = *compiled_;
  require_images(images, network.side, network.side, network.pixels);
  std::vector<uint8_t> bytes;
  for (int64_t i = 0; i + network.batch <= images.count; i += network.batch) {
    const Images part = images.part(i, i + network.batch);
    const auto count = static_cast<size_t>(part.count * part.values_per_image());
    const auto* floats = std::get_if<const float*>(&part.pixels);
    const void* data = floats != nullptr ? static_cast<const void*>(*floats) : std::get<const uint8_t*>(part.pixels);
    if (network.pixels && floats != nullptr) {
      bytes.resize(count);
      std::transform(*floats, *floats + count, bytes.begin(),
                     [](float value) { return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.f, 255.f)); });
      data = bytes.data();
    }
    const ov::Output<const ov::Node> input = network.model.input();
    network.request.set_input_tensor(
        ov::Tensor(input.get_element_type(), input.get_shape(), const_cast<void*>(data)));  // it is not written to
    network.request.infer();
    for (size_t value = 0; value < network.outputs.size(); ++value) {
      const ov::Tensor found = network.request.get_output_tensor(network.outputs[value]);
      const ov::Shape& shape = found.get_shape();
      see(value, {found.data<float>(), found.get_size()}, {shape.begin(), shape.end()});
    }
  }
}

#else

struct ValueObserver::Compiled {};

ValueObserver::ValueObserver(std::string, const ForeignModel&, const std::vector<std::string>&,
                             const std::string& where) {
  throw UsageError(where, "needs OpenVINO to be calibrated, which this build lacks", "build with OpenVINO");
}

int64_t ValueObserver::batch() const { return 1; }
void ValueObserver::run(const Images&, const See&) {}

struct GraphObserver::Compiled {};

GraphObserver::GraphObserver(const Graph&, const std::vector<NodeId>&, const std::string& purpose) {
  throw UsageError(purpose, "needs OpenVINO, which this build lacks", "build with OpenVINO");
}

void GraphObserver::run(const Images&, const See&) {}

#endif

GraphObserver::~GraphObserver() = default;
ValueObserver::~ValueObserver() = default;

}  // namespace assemble
