// SPDX-License-Identifier: Apache-2.0
// The layers of others' networks that have weights, and what the file has of them.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "assemble/deploy/array.h"
#include "assemble/io/onnx_graph.h"
#include "calibration.h"

namespace assemble {

struct ForeignLayer {
  size_t node = 0;
  std::string name = {};
  std::string why = {};           ///< it computes in f32; empty: it does not
  bool weights_only = false;      ///< of what computes in f32: its weights are stored in 8 bits
  Array filters = {};             ///< [out, …]
  Array bias = {};                ///< [out], where there is one
  bool transposed = false;        ///< the file has them as [in, out]
  bool has_bias = false;          ///< an input for it
  std::string added = {};         ///< of a MatMul: what adds a constant a channel to it, if anything does
  OnnxGraph::Values addend = {};  ///< that constant
  Errors errors = {};

  bool quantised() const { return why.empty(); }
};

/// Conv, Gemm and MatMul in order of computation, with the reason of those that cannot be in 8 bits or are to be kept.
/// @throws UsageError for a name in `keep` that no layer of the file has
std::vector<ForeignLayer> find_foreign_layers(const OnnxGraph& graph, const std::set<std::string>& keep,
                                              const std::string& file);

/// A matrix, row by row, with rows and columns exchanged.
template <typename Value>
std::vector<Value> transpose(const std::vector<Value>& values, int64_t rows, int64_t columns) {
  std::vector<Value> result(values.size());
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      result[static_cast<size_t>(c * rows + r)] = values[static_cast<size_t>(r * columns + c)];
    }
  }
  return result;
}

}  // namespace assemble
