// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

#include "assemble/deploy/graph.h"

namespace assemble {

/// A traced graph as it lies in a model file: JSON that names the file's tensors in place of weights.
struct StoredGraph {
  Graph graph;
  /// at_size() may change the graph to sides that lie a multiple of so many pixels from its own: there it depends on
  /// the size of its input nowhere but in the input. 0: it is for its own size alone.
  int64_t size_step = 0;
  int64_t size_multiple = 1;  ///< sides that the network takes are multiples of it
};

/// Where a weight comes from.
struct WeightName {
  std::string tensor;      ///< of the file
  bool unit_rows = false;  ///< the weight is that tensor with each row, the first dimension's, at length one

  WeightName(std::string name = "", bool unit = false) : tensor(std::move(name)), unit_rows(unit) {}
};
/// The same by where the weight's values begin.
using WeightNames = std::map<const float*, WeightName>;
/// Finds a tensor of the file. @throws InputError when there is none
using FindWeight = std::function<Array(const std::string& name)>;

/// Weights without a name that are one filter for all channels, such as a blur's, are written out.
/// @throws UsageError for other weights without a name, and for operations that no traced graph has
std::string to_text(const StoredGraph& stored, const WeightNames& names);

/// Nothing in the text is trusted.
/// @param where the file, for errors
/// @throws InputError for text that is no such graph
StoredGraph graph_from_text(const std::string& text, const FindWeight& find, const std::string& where);

}  // namespace assemble
