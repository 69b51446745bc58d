// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "assemble/deploy/graph.h"

namespace assemble {

/// 8-bit weights and the scale of each output channel: the largest |w| divided by 124 … 127, whichever has the least
/// squared error (124 holds the binomial filters exactly).
struct QuantisedWeights {
  std::vector<int8_t> values;  ///< in the weight's order
  std::vector<float> scales;   ///< [out]

  /// What they stand for: value · scale, in the shape of the weight that they were made from.
  Array dequantised(const std::vector<int64_t>& shape) const;
};
QuantisedWeights quantise_weights(const Array& weight);

/// What a quantised convolution stores. A bias is stored in units of input scale · weight scale. In filters that are
/// (nearly) dead, or behind an input that is, that would not fit into 31 bits: there the weights get larger scales than
/// quantise_weights() gives. The error which that makes stays below 2^-23 of the bias for each weight.
struct QuantisedConvolution {
  QuantisedWeights weights;
  std::vector<int32_t> bias;       ///< [out]; empty without bias
  std::vector<float> bias_scales;  ///< [out]
};
/// @throws UsageError for a bias behind an input whose scale is not known
QuantisedConvolution quantise_convolution(const ops::Convolution& conv);

}  // namespace assemble
