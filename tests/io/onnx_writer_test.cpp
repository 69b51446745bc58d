// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/onnx_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

OnnxModel small_model() {
  OnnxModel model;
  model.name = "g";
  model.nodes.push_back({"Relu", "r", {"x"}, {"y"}, {{"axis", int64_t{3}}}});
  model.constants.push_back({"c", OnnxType::kInt8, {2}, {1, 255}});
  model.inputs.push_back({"x", OnnxType::kFloat, {-1, 5}});
  model.outputs.push_back({"y", OnnxType::kFloat, {-1}});
  model.metadata = {{"k", "v"}};
  return model;
}

TEST(OnnxWriter, WritesTheFieldsOfOnnxProto) {
  const std::string bytes = serialise(small_model());
  const auto holds = [&](std::string_view part) { return bytes.find(part) != std::string::npos; };
  using namespace std::string_view_literals;
  EXPECT_TRUE(
      bytes.starts_with("\x08\x08\x12\x08"
                        "assemble"sv));                             // IR version 8, producer
  EXPECT_TRUE(holds("\x0A\x01x\x12\x01y\x1A\x01r\x22\x04Relu"sv));  // the node
  EXPECT_TRUE(
      holds("\x0A\x04"
            "axis\x18\x03\xA0\x01\x02"sv));  // its attribute, an INT
  EXPECT_TRUE(
      holds("\x08\x02\x10\x03\x42\x01"
            "c\x4A\x02\x01\xFF"sv));  // dims, INT8, name, raw bytes
  EXPECT_TRUE(
      holds("\x0A\x07\x12\x05"
            "batch\x0A\x02\x08\x05"sv));                         // dimensions batch and 5
  EXPECT_TRUE(holds("\x0A\x00\x10\x11"sv));                      // operator set 17
  EXPECT_TRUE(bytes.ends_with("\x72\x06\x0A\x01k\x12\x01v"sv));  // metadata
}

TEST(OnnxWriter, MetadataIsReadBack) {
  const test::TemporaryFolder folder;
  write_file(folder / "m.onnx", std::string_view(serialise(small_model())));
  EXPECT_EQ(read_onnx_metadata(folder / "m.onnx"), (std::map<std::string, std::string>{{"k", "v"}}));
}

TEST(OnnxWriter, TheInterfaceIsReadBack) {
  const test::TemporaryFolder folder;
  OnnxModel model = small_model();
  model.inputs.push_back({"c", OnnxType::kInt8, {2}});  // old files name their weights here too
  write_file(folder / "m.onnx", std::string_view(serialise(model)));
  const OnnxInterface interface = read_onnx_interface(folder / "m.onnx");
  EXPECT_THAT(interface.producer, HasSubstr("assemble "));
  EXPECT_EQ(interface.opset, 17);
  ASSERT_EQ(interface.inputs.size(), 1u);
  EXPECT_EQ(interface.inputs[0].name, "x");
  EXPECT_EQ(interface.inputs[0].type, OnnxType::kFloat);
  EXPECT_EQ(interface.inputs[0].dims, (std::vector<int64_t>{-1, 5}));
  ASSERT_EQ(interface.outputs.size(), 1u);
  EXPECT_EQ(interface.outputs[0].dims, std::vector<int64_t>{-1});
}

std::string message(std::string_view bytes) {
  const test::TemporaryFolder folder;
  write_file(folder / "m.onnx", bytes);
  try {
    read_onnx_metadata(folder / "m.onnx");
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(OnnxWriter, RefusesWhatIsNoModel) {
  using namespace std::string_view_literals;
  EXPECT_THAT(message("no model at all"), HasSubstr("m.onnx: is a text, expected an ONNX model"));
  EXPECT_THAT(message(""), HasSubstr("m.onnx: is empty, expected an ONNX model"));
  EXPECT_THAT(message("\x08\x08"sv), HasSubstr("m.onnx: holds no graph"));
  EXPECT_THAT(message("\x38\x01"sv), HasSubstr("holds no graph"));                           // field 7 as a number
  EXPECT_THAT(message("\x3A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"sv), HasSubstr("cut off"));  // a graph of 2^63 bytes
  EXPECT_THAT(message("\x3A\xFF\x01"sv), HasSubstr("cut off"));
  EXPECT_THAT(message("\x3A\x00\x72\x04\x0A\x09kv"sv), HasSubstr("cut off"));  // a key longer than its entry
}

TEST(OnnxWriter, RefusesAFileCutOffAnywhere) {
  const std::string whole = serialise(small_model());
  int refused = 0;
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::string found = message(std::string_view(whole).substr(0, size));
    EXPECT_THAT(found, testing::AnyOf(HasSubstr("cut off"), testing::Eq("no error"))) << size;
    refused += found == "no error" ? 0 : 1;
  }
  // Whole fields are a model as far as anyone can tell: cut off behind the graph, and behind the operator set.
  EXPECT_EQ(refused, static_cast<int>(whole.size()) - 3);
}

/// A field of bytes.
std::string field(int tag, const std::string& content) {
  std::string bytes;
  for (size_t number : {static_cast<size_t>(tag) << 3 | 2, content.size()}) {
    for (; number > 127; number >>= 7) bytes += static_cast<char>(number | 128);
    bytes += static_cast<char>(number);
  }
  return bytes + content;
}

std::string external_tensor(const std::string& name) {
  return field(13, field(1, "offset") + field(2, "16")) + field(13, field(1, "location") + field(2, name));
}

TEST(OnnxWriter, FindsTheFilesOfExternalWeights) {
  const std::string constant = field(1, field(5, field(5, external_tensor("in node.bin"))));
  const std::string branch = field(1, field(5, field(6, field(5, external_tensor("in branch.bin")))));
  const std::string graph = field(5, external_tensor("w.data")) + field(5, external_tensor("w.data")) +
                            field(5, field(9, std::string(9000, 'x'))) + field(15, field(1, external_tensor("s"))) +
                            constant + branch;
  const test::TemporaryFolder folder;
  write_file(folder / "m.onnx", field(7, graph) + field(14, field(1, "location") + field(2, "metadata")));
  EXPECT_EQ(read_onnx_external_files(folder / "m.onnx"),
            (std::set<std::string>{"in branch.bin", "in node.bin", "s", "w.data"}));
  write_file(folder / "m.onnx", std::string_view(serialise(small_model())));
  EXPECT_TRUE(read_onnx_external_files(folder / "m.onnx").empty());

  std::string deep = external_tensor("w");
  for (int i = 0; i < 200; ++i) deep = field(1, field(5, field(6, deep)));
  write_file(folder / "m.onnx", field(7, deep));
  EXPECT_THROW(read_onnx_external_files(folder / "m.onnx"), InputError);
}

TEST(OnnxWriter, FindsMetadataBehindManyFieldsAndALargeGraph) {
  OnnxModel model = small_model();
  model.constants[0].bytes.resize(100000);
  for (int i = 0; i < 2000; ++i) model.metadata[concat("key ", i)] = std::string(static_cast<size_t>(i % 97), 'v');
  const test::TemporaryFolder folder;
  write_file(folder / "m.onnx", std::string_view(serialise(model)));
  EXPECT_EQ(read_onnx_metadata(folder / "m.onnx"), model.metadata);
}

}  // namespace
}  // namespace assemble
