// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/graph.h"

namespace assemble {

/// Whether a convolution is a dense layer: 1×1 on a vector.
bool is_dense(const ops::Convolution& conv, const Node& input);

/// @throws InputError, naming `where` and the node, for an operation that HeadPass does not know
void require_differentiable(const Graph& head, const std::string& where);

/// A head computed once, forwards and backwards, in double precision: slow for maps in the middle of networks, quick
/// for what follows their last one.
class HeadPass {
 public:
  /// @param head one that require_differentiable() takes; it must outlive this
  /// @param map  its input, [C, H, W]
  HeadPass(const Graph& head, std::span<const float> map);

  const std::vector<double>& output() const { return values_.back(); }
  /// Of an output, with respect to the map: [C, H, W].
  std::vector<double> gradient(int64_t output) const;

 private:
  const Graph& head_;
  std::vector<std::vector<double>> values_;  ///< of each node
};

}  // namespace assemble
