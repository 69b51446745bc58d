// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/foreign_model.h"
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

/// The same of a network that others wrote, by the names of its values.
class ValueObserver {
 public:
  /// @param onnx   bytes of the model, with each of `values` as an output
  /// @param where  the model's file, named in errors
  /// @throws as GraphObserver
  ValueObserver(std::string onnx, const ForeignModel& foreign, const std::vector<std::string>& values,
                const std::string& where);
  ~ValueObserver();

  /// Images that one look takes: those of a network for a fixed number are looked at together.
  int64_t batch() const;
  /// @param index of the value; `shape` of what was computed for batch() images
  using See = std::function<void(size_t index, std::span<const float> values, const std::vector<int64_t>& shape)>;
  /// Images behind the last whole batch are left out.
  /// @throws UsageError when the images are not as the network takes them
  void run(const Images& images, const See& see);

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace assemble
