// SPDX-License-Identifier: Apache-2.0
// 8 bits for networks that others wrote: their .onnx file, with pairs of QuantizeLinear and DequantizeLinear before
// what is computed in 8 bits.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/foreign_model.h"
#include "assemble/deploy/quantise.h"

namespace assemble {

struct QuantisedForeign {
  std::string onnx;                    ///< bytes of the file
  std::vector<QuantisedLayer> layers;  ///< every layer with weights, in order of computation
  std::vector<std::string> reasons;    ///< of each, why it computes in f32; empty where it does not
  std::vector<std::string> left;       ///< operators that compute, stay in f32 and are no layers: "Softmax ×3"
};

/// Puts convolutions and dense layers (Conv; Gemm and MatMul by a constant) into 8 bits, and the sums of two maps
/// between them that a ReLU follows; all else of the file stays as it is. Activations are unsigned with a zero point of
/// their own, weights are signed by output channel, biases 32 bits in units of both: the pattern that ONNX Runtime and
/// OpenVINO run in integers. Convolutions of maps of one place (attention of channels) compute in f32, since they cost
/// nothing, and errors; their weights are stored in 8 bits.
/// @param file of operator set 13 or later
/// @param images batches as the network's preprocessing makes them
/// @param options keep: layers by their operators' names or by the names of their outputs
/// @throws InputError for an .xml file and older operator sets, and when activations are not finite; UsageError for a
///         name in `keep` that there is none of, and without images
QuantisedForeign quantise_foreign(const fs::path& file, const ForeignModel& model, const std::vector<Images>& images,
                                  const QuantiseOptions& options);

}  // namespace assemble
