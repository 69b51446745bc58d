// SPDX-License-Identifier: Apache-2.0
// What each engine's file defines, for engine.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "assemble/deploy/engine.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/onnx_export.h"

namespace assemble {

/// Of a network's file in OpenVINO's own form; the weights lie beside it, in a .bin file of the same name.
inline constexpr const char* kIrEnding = ".xml";

/// What OpenVINO is told of a network beside its file.
struct NetworkForm {
  std::string output = kLogitsOutput;  ///< name of the one that is computed, where there are several
  /// Of a network that others wrote: its images are brought into the order that it takes, and floats of any width, and
  /// it is given the size and the number of images at once, where the file leaves them open.
  const ForeignModel* foreign = nullptr;
  /// Of a foreign one: `output` is any value inside, or empty for what its last dense layer takes.
  bool embedding = false;
};

#ifdef ASSEMBLE_OPENVINO
/// @param onnx bytes of an ONNX model; called only when no compiled model is in the cache. Empty: OpenVINO reads
///        the file `where` itself, whatever it holds
/// @param identity of the model, to find it in the cache; empty: it is not kept
/// @param where the model's file, named in errors
std::unique_ptr<Engine> make_openvino_engine(const std::function<std::string()>& onnx, const EngineOptions& options,
                                             const std::string& identity, const std::string& where,
                                             const NetworkForm& form = {});
/// What an .xml file of OpenVINO says of its network, by ONNX' names of types.
/// @throws InputError when it cannot be read
OnnxInterface read_ir_interface(const std::string& path);
/// Whether this processor computes in that precision.
bool openvino_supports(Precision precision);
#endif

}  // namespace assemble
