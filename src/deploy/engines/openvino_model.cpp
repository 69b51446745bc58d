// SPDX-License-Identifier: Apache-2.0
#include "engines/openvino_model.h"

#include <openvino/frontend/manager.hpp>

#include <algorithm>
#include <sstream>

#include "assemble/core/error.h"
#include "assemble/core/system.h"

namespace assemble {
namespace {

/// Never destroyed, as the core.
const ov::frontend::FrontEnd& onnx_frontend() {
  static auto& manager = *new ov::frontend::FrontEndManager;
  static auto& frontend = *new ov::frontend::FrontEnd::Ptr(manager.load_by_framework("onnx"));
  return *frontend;
}

/// The bytes are freed on return, before the model is made.
ov::frontend::InputModel::Ptr parse(const ov::frontend::FrontEnd& frontend, std::string onnx) {
  std::istringstream stream(std::move(onnx));
  return frontend.load(static_cast<std::istream*>(&stream));
}

std::shared_ptr<ov::Model> feed_foreign(const std::shared_ptr<ov::Model>& model, const ForeignModel& foreign,
                                        int64_t part) {
  const bool channels_last = foreign.layout == ImageLayout::kNhwc;
  const int64_t size = foreign.card.preprocessing.eval_size;
  model->reshape(channels_last ? ov::PartialShape{part, size, size, Images::kChannels}
                               : ov::PartialShape{part, Images::kChannels, size, size});
  ov::preprocess::PrePostProcessor steps(model);
  steps.input().tensor().set_element_type(foreign.pixels ? ov::element::u8 : ov::element::f32).set_layout("NHWC");
  steps.input().model().set_layout(channels_last ? "NHWC" : "NCHW");
  if (foreign.channels == ChannelOrder::kBgr) steps.input().preprocess().reverse_channels();
  steps.output().tensor().set_element_type(ov::element::f32);
  return steps.build();
}

/// Takes away every output but the one of that name, where there is one of that name, with what only they need.
void keep_output(ov::Model& model, const std::string& name) {
  const auto is_wanted = [&](const auto& result) { return result->get_output_tensor(0).get_names().contains(name); };
  const ov::ResultVector results = model.get_results();
  if (std::ranges::none_of(results, is_wanted)) return;
  for (const auto& result : results) {
    if (!is_wanted(result)) model.remove_result(result);
  }
}

}  // namespace

ov::Core& openvino_core() {
  // Never destroyed: unloading its plugins when the program ends takes time and gives nothing back.
  static ov::Core& instance = *new ov::Core;
  return instance;
}

std::shared_ptr<ov::Model> read_openvino_model(std::string onnx, const std::string& where) {
  release_freed_memory();
  try {
    const ov::frontend::FrontEnd& frontend = onnx_frontend();
    const auto parsed = parse(frontend, std::move(onnx));
    release_freed_memory();
    return frontend.convert(parsed);
  } catch (const std::exception& error) {
    throw RunError(where, concat("OpenVINO cannot read its graph: ", error.what()), "try `engine` torch");
  }
}

std::shared_ptr<ov::Model> read_model_file(const std::string& path, const NetworkForm& form) {
  std::shared_ptr<ov::Model> model;
  try {
    model = openvino_core().read_model(path);
  } catch (const std::exception& error) {
    throw InputError(path, concat("OpenVINO cannot read it: ", error.what()),
                     form.foreign ? "export it again with operator set 17" : "was it cut off while it was copied?");
  }
  keep_output(*model, form.output);
  if (form.foreign) return model;
  const bool fits = model->inputs().size() == 1 && model->outputs().size() == 1 &&
                    model->input().get_partial_shape().size() == 4 && model->output().get_partial_shape().size() == 2 &&
                    model->input().get_partial_shape()[2].is_static();
  if (!fits) throw InputError(path, "expected one input [N, 3, S, S] and one output [N, classes]");
  return model;
}

std::shared_ptr<ov::Model> fed_model(std::shared_ptr<ov::Model> model, const NetworkForm& form, int64_t part) {
  if (form.foreign) return feed_foreign(model, *form.foreign, part);
  if (model->input().get_element_type() == ov::element::f32) {
    ov::preprocess::PrePostProcessor steps(model);
    steps.input().tensor().set_layout("NHWC");
    steps.input().model().set_layout("NCHW");
    model = steps.build();
  }
  ov::PartialShape shape = model->input().get_partial_shape();
  shape[0] = part;
  model->reshape(shape);
  return model;
}

}  // namespace assemble
