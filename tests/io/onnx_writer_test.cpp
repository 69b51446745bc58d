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
  EXPECT_TRUE(bytes.starts_with("\x08\x08\x12\x08" "assemble"sv));                       // IR version 8, producer
  EXPECT_TRUE(holds("\x0A\x01x\x12\x01y\x1A\x01r\x22\x04Relu"sv));                        // the node
  EXPECT_TRUE(holds("\x0A\x04" "axis\x18\x03\xA0\x01\x02"sv));                            // its attribute, an INT
  EXPECT_TRUE(holds("\x08\x02\x10\x03\x42\x01" "c\x4A\x02\x01\xFF"sv));                   // dims, INT8, name, raw bytes
  EXPECT_TRUE(holds("\x0A\x07\x12\x05" "batch\x0A\x02\x08\x05"sv));                       // dimensions batch and 5
  EXPECT_TRUE(holds("\x0A\x00\x10\x11"sv));                                               // operator set 17
  EXPECT_TRUE(bytes.ends_with("\x72\x06\x0A\x01k\x12\x01v"sv));                           // metadata
}

TEST(OnnxWriter, MetadataIsReadBack) {
  const test::TemporaryFolder folder;
  write_file(folder / "m.onnx", std::string_view(serialise(small_model())));
  EXPECT_EQ(read_onnx_metadata(folder / "m.onnx"), (std::map<std::string, std::string>{{"k", "v"}}));
}

TEST(OnnxWriter, RefusesWhatIsNoModel) {
  const auto message = [](std::string_view bytes) -> std::string {
    try {
      parse_onnx_metadata({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "m.onnx");
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message("no model at all"), HasSubstr("m.onnx: is no ONNX model"));
  EXPECT_THAT(message(""), HasSubstr("m.onnx: holds no graph"));
  const std::string whole = serialise(small_model());
  EXPECT_THAT(message(std::string_view(whole).substr(0, 30)), HasSubstr("cut off"));
}

}  // namespace
}  // namespace assemble
