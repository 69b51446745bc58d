// SPDX-License-Identifier: Apache-2.0
#include "engines/observer.h"

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
    throw RunError(purpose, concat("OpenVINO cannot compile the graph: ", error.what()));
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

#else

struct GraphObserver::Compiled {};

GraphObserver::GraphObserver(const Graph&, const std::vector<NodeId>&, const std::string& purpose) {
  throw UsageError(purpose, "needs OpenVINO, which this build lacks", "build with OpenVINO");
}

void GraphObserver::run(const Images&, const See&) {}

#endif

GraphObserver::~GraphObserver() = default;

}  // namespace assemble
