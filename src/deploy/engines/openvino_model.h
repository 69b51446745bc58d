// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <string>

namespace assemble {

/// The process' one OpenVINO.
ov::Core& openvino_core();

/// @param onnx bytes of an ONNX model
/// @param where the model's file, named in errors
/// @throws RunError when OpenVINO cannot read it
std::shared_ptr<ov::Model> read_openvino_model(std::string onnx, const std::string& where);

}  // namespace assemble
