// SPDX-License-Identifier: Apache-2.0
// What each engine's file defines, for engine.cpp.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "assemble/deploy/engine.h"

namespace assemble {

#ifdef ASSEMBLE_OPENVINO
/// @param onnx bytes of an ONNX model; called only when no compiled model is in the cache. Empty: OpenVINO reads
///        the file `where` itself, whatever it holds
/// @param identity of the model, to find it in the cache; empty: it is not kept
/// @param where the model's file, named in errors
/// @param output name of the output that is computed, where the model has several
std::unique_ptr<Engine> make_openvino_engine(const std::function<std::string()>& onnx, const EngineOptions& options,
                                             const std::string& identity, const std::string& where,
                                             const std::string& output);
/// Whether this processor computes in that precision.
bool openvino_supports(Precision precision);
#endif

}  // namespace assemble
