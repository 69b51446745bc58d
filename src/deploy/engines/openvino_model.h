// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <openvino/openvino.hpp>
#include <string>

#include "engines/engines.h"

namespace assemble {

/// The process' one OpenVINO.
ov::Core& openvino_core();

/// @param onnx bytes of an ONNX model
/// @param where the model's file, named in errors
/// @param hint what to do where it cannot be read
/// @throws RunError when OpenVINO cannot read it
std::shared_ptr<ov::Model> read_openvino_model(std::string onnx, const std::string& where,
                                               const std::string& hint = "try `engine` torch");

/// What OpenVINO says is wrong, without the places in its sources; or the operators that it does not know.
std::string told_by_openvino(const std::exception& error);

/// A network of a file, whatever OpenVINO reads, with the output that the form names alone, where there is one.
/// @throws InputError when it cannot be read, has weights that are NaN, or, where it is not foreign, has other inputs
///         and outputs than ours
std::shared_ptr<ov::Model> read_model_file(const std::string& path, const NetworkForm& form);

/// The network as it is fed: NHWC images, `part` of them at once; where others wrote it, of RGB, and f32 comes out.
std::shared_ptr<ov::Model> fed_model(std::shared_ptr<ov::Model> model, const NetworkForm& form, int64_t part);

}  // namespace assemble
