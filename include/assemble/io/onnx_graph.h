// SPDX-License-Identifier: Apache-2.0
// The graph of an .onnx file of anyone, to be changed and written again.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/io/onnx_writer.h"

namespace assemble {

/// What is not changed is written as it was read, whatever it is. The file is in memory whole.
class OnnxGraph {
 public:
  /// An operator. Its attributes are those of `bytes`, of which only the simple ones are shown.
  struct Node {
    std::string type, name, domain;
    std::vector<std::string> inputs, outputs;
    std::map<std::string, int64_t> integers;
    std::map<std::string, float> reals;
    std::string bytes;  ///< the message, without inputs
  };
  struct Values {
    OnnxType type = OnnxType::kFloat;
    std::vector<int64_t> dims;
    std::vector<float> values;  ///< of f32 alone
  };

  /// @throws InputError when it cannot be read, is no ONNX model, or lacks a file that holds weights of it
  explicit OnnxGraph(const fs::path& file);

  int64_t opset() const { return opset_; }  ///< of the default domain
  const std::vector<Node>& nodes() const { return nodes_; }
  /// Whether a value is a constant of the file, by its own name or by others that Identity gives it.
  bool is_constant(const std::string& name) const { return constants_.contains(origin_of(name)); }
  /// Such a constant.
  /// @return nothing for what is none
  /// @throws InputError when its message is damaged, or its values are not as many as its shape says
  std::optional<Values> constant(const std::string& name) const;

  /// Replaces all operators. @param nodes in order of computation; new ones by make_node()
  void set_nodes(std::vector<Node> nodes) { nodes_ = std::move(nodes); }
  static Node make_node(const OnnxNode& node);
  /// The same operator that gives its one output, and itself, another name.
  static Node with_output(const Node& node, const std::string& output);
  void add_constant(const OnnxTensor& tensor);
  void add_output(const OnnxValue& value);

  /// The file's bytes, without constants that no operator reads any more; weights of other files are inside.
  /// @throws RunError above 2 GiB, the most that the format allows
  std::string serialise() const;

 private:
  struct Constant {
    std::string bytes;  ///< a TensorProto
    bool by_node = false;
  };
  void read_graph(const std::string& bytes);
  std::string origin_of(std::string name) const;
  std::string graph_bytes() const;

  fs::path file_;
  int64_t opset_ = 0;
  bool nested_ = false;  ///< operators hold graphs of their own, which may read any constant
  std::string model_;    ///< the fields beside the graph
  std::string rest_;     ///< those of the graph beside operators, constants and inputs
  std::vector<std::pair<std::string, std::string>> inputs_;  ///< names and ValueInfoProtos
  std::vector<std::string> outputs_;                         ///< names
  std::vector<Node> nodes_;
  std::map<std::string, Constant> constants_;
  std::map<std::string, std::string> aliases_;  ///< what Identity is given, by what it gives
  std::vector<std::string> order_;              ///< of the constants that are no operators
  std::vector<OnnxValue> added_outputs_;
};

}  // namespace assemble
