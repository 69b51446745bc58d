// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/onnx_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "mean_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

/// A message or a string of less than 128 bytes.
std::string field_of(int number, const std::string& content) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(content.size())} + content;
}

class OnnxGraphs : public testing::Test {
 protected:
  OnnxGraph read(const std::string& bytes) {
    write_file(file_, std::string_view(bytes));
    return OnnxGraph(file_);
  }
  OnnxInterface interface_of(const OnnxGraph& graph) {
    write_file(file_, std::string_view(graph.serialise()));
    return read_onnx_interface(file_);
  }

  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "m.onnx";
  const test::MeanNetwork network_;
};

TEST_F(OnnxGraphs, WhatIsNotChangedStays) {
  OnnxModel model = network_.model();
  model.metadata = {{"of", "someone"}};
  const OnnxGraph graph = read(serialise(model));
  EXPECT_EQ(graph.opset(), 17);
  ASSERT_EQ(graph.nodes().size(), 3u);
  EXPECT_EQ(graph.nodes()[1].type, "Flatten");
  EXPECT_THAT(graph.nodes()[2].inputs, ElementsAre("Flatten1", "w"));
  ASSERT_TRUE(graph.constant("w"));
  EXPECT_EQ(graph.constant("w")->values, network_.matrix);
  EXPECT_THAT(graph.constant("w")->dims, ElementsAre(3, 4));
  EXPECT_FALSE(graph.constant("x"));
  const OnnxInterface interface = interface_of(graph);
  EXPECT_EQ(interface.inputs.at(0).dims, model.inputs[0].dims);
  EXPECT_EQ(interface.nodes.size(), 3u);
  EXPECT_EQ(read_onnx_metadata(file_).at("of"), "someone");
  EXPECT_EQ(OnnxGraph(file_).constant("w")->values, network_.matrix);
}

TEST_F(OnnxGraphs, ConstantsThatNothingReadsAreLeftOut) {
  OnnxGraph graph = read(serialise(network_.model()));
  std::vector<OnnxGraph::Node> nodes = graph.nodes();
  graph.add_constant({"w2", OnnxType::kFloat, {3, 4}, test::bytes_of(network_.matrix)});
  nodes[2].inputs[1] = "w2";
  nodes.push_back(OnnxGraph::make_node({"Softmax", "s", {nodes[2].outputs[0]}, {"p"}, {{"axis", int64_t{1}}}}));
  EXPECT_EQ(nodes.back().integers.at("axis"), 1);
  nodes.push_back(OnnxGraph::with_output(nodes.back(), "q"));
  graph.set_nodes(nodes);
  graph.add_output({"q", OnnxType::kFloat, {-1, 4}});
  const OnnxInterface interface = interface_of(graph);
  EXPECT_EQ(interface.outputs.back().name, "q");
  EXPECT_THAT(interface.nodes.back().outputs, ElementsAre("q"));
  const OnnxGraph again(file_);
  EXPECT_FALSE(again.is_constant("w"));
  EXPECT_TRUE(again.is_constant("w2"));
}

TEST_F(OnnxGraphs, DamagedFilesAreRefused) {
  const std::string whole = serialise(network_.model());
  for (const size_t length : {size_t{0}, size_t{7}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_THROW(read(whole.substr(0, length)), InputError) << length;
  }
  OnnxModel model = network_.model();
  model.constants[0].dims = {3, 5};
  const OnnxGraph graph = read(serialise(model));
  EXPECT_THAT(error_of<InputError>([&] { graph.constant("w"); }), HasSubstr("not as many values as its shape says"));
}

TEST_F(OnnxGraphs, FieldsOfAnotherTypeAreNotRead) {
  for (const int number : {1, 2, 4, 8, 9, 13, 14}) {
    for (const std::string& wire : {std::string("\0\2", 2), std::string("\1\0\0\0\0\0\0\0\0", 9),
                                    std::string("\2\0", 2), std::string("\5\0\0\0\0", 5)}) {
      const std::string field = static_cast<char>(number << 3 | wire[0]) + wire.substr(1);
      const std::string tensor = field_of(5, field + field_of(8, "odd"));
      EXPECT_TRUE(read(field_of(7, tensor)).is_constant("odd"))
          << number << ", wire type " << static_cast<int>(wire[0]);
    }
  }
}

TEST_F(OnnxGraphs, DamagedInputsAreRefused) {
  EXPECT_THAT(error_of<InputError>([&] { read(field_of(7, field_of(11, "\x0a"))); }), HasSubstr("is no ONNX model"));
}

TEST_F(OnnxGraphs, ADamagedConstantOfANodeIsRefused) {
  const std::string value = field_of(1, "value") + field_of(5, "\x08");
  const std::string node = field_of(2, "c") + field_of(4, "Constant") + field_of(5, value);
  const OnnxGraph graph = read(field_of(7, field_of(1, node)));
  EXPECT_THAT(error_of<InputError>([&] { (void)graph.constant("c"); }), HasSubstr("its constant 'c' is no tensor"));
}

}  // namespace
}  // namespace assemble
