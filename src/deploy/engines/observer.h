// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/graph.h"

namespace assemble {

/// Shows what flows through a graph: values of its nodes, computed by OpenVINO in f32.
class GraphObserver {
 public:
  /// @param nodes whose values are shown
  /// @param purpose what they are looked at for, in errors
  /// @throws UsageError when this build has no OpenVINO, RunError when it cannot compile the graph
  GraphObserver(const Graph& graph, const std::vector<NodeId>& nodes, const std::string& purpose = "calibration");
  ~GraphObserver();

  /// @param index of the node in `nodes`; `values` of one image, in the node's shape
  using See = std::function<void(size_t index, std::span<const float> values)>;
  /// Calls `see` for every node of every image.
  /// @throws UsageError when the images are not as the graph takes them
  void run(const Images& images, const See& see);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace assemble
