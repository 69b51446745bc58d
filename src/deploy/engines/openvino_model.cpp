// SPDX-License-Identifier: Apache-2.0
#include "engines/openvino_model.h"

#include <openvino/frontend/manager.hpp>

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

}  // namespace assemble
