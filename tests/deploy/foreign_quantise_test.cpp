// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_quantise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/io/onnx_graph.h"
#include "engines.h"
#include "matrices.h"
#include "mean_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::bytes_of;
using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kSide = 16, kWidth = 8, kClasses = 5;

/// Two convolutions with a sum, attention of channels, a product of two activations and two dense layers.
OnnxModel convolutional() {
  OnnxModel model;
  model.name = "convolutional";
  model.inputs.push_back({"x", OnnxType::kFloat, {-1, 3, kSide, kSide}});
  uint64_t seed = 0;
  const auto constant = [&](const std::string& name, std::vector<int64_t> dims, float size) {
    int64_t count = 1;
    for (const int64_t dim : dims) count *= dim;
    std::vector<float> values = test::normal_values(count, ++seed);
    for (float& value : values) value *= size;
    model.constants.push_back({name, OnnxType::kFloat, std::move(dims), bytes_of(values)});
    return name;
  };
  const auto node = [&](const std::string& type, const std::string& name, std::vector<std::string> inputs,
                        decltype(OnnxNode::attributes) set = {}) {
    model.nodes.push_back({type, name, std::move(inputs), {name}, std::move(set)});
    return name;
  };
  const std::vector<int64_t> pads{1, 1, 1, 1};
  const std::string stem = node(
      "Conv", "stem", {"x", constant("w1", {kWidth, 3, 3, 3}, 0.2f), constant("b1", {kWidth}, 0.1f)}, {{"pads", pads}});
  const std::string relu = node("Relu", "relu", {stem});
  const std::string body = node("Conv", "body", {relu, constant("w2", {kWidth, kWidth, 3, 3}, 0.1f)}, {{"pads", pads}});
  const std::string sum = node("Relu", "rectified", {node("Add", "sum", {body, relu})});
  const std::string pooled = node("GlobalAveragePool", "pooled", {sum});
  const std::string gate = node("Conv", "gate", {pooled, constant("w3", {kWidth, kWidth, 1, 1}, 0.5f)});
  const std::string scaled = node("Mul", "scaled", {sum, node("Sigmoid", "sigmoid", {gate})});
  const std::string flat = node("Flatten", "flat", {node("GlobalAveragePool", "mean", {scaled})});
  const std::string hidden = node("MatMul", "hidden", {flat, constant("w4", {kWidth, kWidth}, 0.5f)});
  node("Gemm", "classes", {hidden, constant("w5", {kClasses, kWidth}, 0.5f), constant("b5", {kClasses}, 0.1f)},
       {{"transB", int64_t{1}}});
  model.outputs.push_back({"classes", OnnxType::kFloat, {-1, kClasses}});
  return model;
}

class ForeignQuantisation : public testing::Test {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    write_file(file_, std::string_view(serialise(convolutional())));
    model_ = read_foreign(file_, said_);
  }
  QuantisedForeign quantise(const QuantiseOptions& options = {}) const {
    return quantise_foreign(file_, model_, {{kImages, kSide, kSide, images_.data()}}, options);
  }
  Matrix run(const fs::path& file) const {
    return open_engine(file, {.batch = 4, .foreign = said_}).engine->run({kImages, kSide, kSide, images_.data()});
  }

  const fs::path& write_again(const OnnxModel& model) const {
    write_file(file_, std::string_view(serialise(model)));
    return file_;
  }

  static constexpr int64_t kImages = 8;
  const ForeignModelOptions said_{.value_range = {{0, 255}}};
  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "network.onnx";
  ForeignModel model_;
  std::vector<float> images_ = test::normal_values(kImages * kSide * kSide * 3, 7);
};

TEST_F(ForeignQuantisation, IsCloseAndSaysWhatStaysInF32) {
  const QuantisedForeign result = quantise();
  ASSERT_EQ(result.layers.size(), 5u);
  const std::vector<std::string> names{"stem", "body", "gate", "hidden", "classes"};
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(result.layers[i].name, names[i]);
    EXPECT_EQ(result.layers[i].quantised, names[i] != "gate");
    EXPECT_LT(result.layers[i].error, 0.03) << names[i];
  }
  EXPECT_THAT(result.reasons[2], HasSubstr("one place"));
  EXPECT_THAT(result.left, testing::IsSupersetOf({"Sigmoid ×1", "Mul ×1", "GlobalAveragePool ×2"}));
  EXPECT_THAT(result.left, testing::Not(testing::Contains(HasSubstr("Add"))));
  const fs::path out = folder_ / "int8.onnx";
  write_file(out, std::string_view(result.onnx));
  const Matrix found = run(out), expected = run(file_);
  EXPECT_LT(test::relative_difference(found, expected), 0.05);
  EXPECT_GT(test::relative_difference(found, expected), 1e-5) << "it is in 8 bits";
  EXPECT_EQ(quantise({.correct_bias = false, .keep = {}}).reasons[3],
            "it has no bias, without which OpenVINO computes it wrongly; its weights are in 8 bits");
  const OnnxGraph graph(out);
  for (const char* weights : {"w1", "w2", "w3", "w4", "w5"}) {
    EXPECT_FALSE(graph.is_constant(weights)) << weights << " is there in 8 bits alone";
  }
}

TEST_F(ForeignQuantisation, SumsWithoutAReluStayInF32) {
  OnnxModel model = convolutional();
  for (OnnxNode& node : model.nodes) {
    if (node.name == "rectified") node.type = "Identity";
  }
  EXPECT_THAT(quantise_foreign(write_again(model), model_, {{kImages, kSide, kSide, images_.data()}}, {}).left,
              testing::Contains("Add ×1"));
}

TEST_F(ForeignQuantisation, LayersThatComputeInF32HaveWeightsIn8Bits) {
  const fs::path out = folder_ / "int8.onnx";
  write_file(out, std::string_view(quantise({.keep = {"stem", "body", "hidden", "classes"}}).onnx));
  const double difference = test::relative_difference(run(out), run(file_));
  EXPECT_GT(difference, 0);
  EXPECT_LT(difference, 0.01);
}

TEST_F(ForeignQuantisation, KeepsWhatItIsTold) {
  const QuantisedForeign result = quantise({.keep = {"stem"}});
  EXPECT_FALSE(result.layers[0].quantised);
  EXPECT_EQ(result.reasons[0], "kept");
  EXPECT_THAT(error_of<UsageError>([&] { quantise({.keep = {"relu"}}); }), HasSubstr("'relu' is no layer"));
}

TEST_F(ForeignQuantisation, BiasesAreReadThroughIdentity) {
  OnnxModel model = convolutional();
  model.nodes.insert(model.nodes.begin(), OnnxNode{"Identity", "shared", {"b1"}, {"b1/shared"}, {}});
  ASSERT_EQ(model.nodes[1].name, "stem");
  model.nodes[1].inputs[2] = "b1/shared";
  write_file(file_, std::string_view(serialise(model)));
  const QuantisedForeign result = quantise();
  EXPECT_EQ(result.reasons[0], "");
  const fs::path out = folder_ / "int8.onnx";
  write_file(out, std::string_view(result.onnx));
  const OnnxGraph graph(out);
  EXPECT_FALSE(graph.is_constant("b1")) << "nothing reads it any more";
  EXPECT_LT(test::relative_difference(run(out), run(file_)), 0.05);
}

TEST_F(ForeignQuantisation, LayersOfOneNameAreToldApart) {
  OnnxModel model = convolutional();
  for (OnnxNode& node : model.nodes) {
    if (node.type == "Conv") node.name = "c";
  }
  write_file(file_, std::string_view(serialise(model)));
  const QuantisedForeign result = quantise();
  EXPECT_EQ(result.layers[0].name, "c");
  EXPECT_EQ(result.layers[1].name, "body (c)");
  EXPECT_LT(result.layers[1].error, 0.03);
  const fs::path out = folder_ / "int8.onnx";
  write_file(out, std::string_view(result.onnx));
  EXPECT_LT(test::relative_difference(run(out), run(file_)), 0.05);
}

TEST_F(ForeignQuantisation, SaysWhyNothingCanBeDone) {
  OnnxModel model = convolutional();
  const auto refusal = [&] {
    write_file(file_, std::string_view(serialise(model)));
    return error_of<InputError>([&] { quantise(); });
  };
  model.constants[0].bytes = bytes_of(std::vector<float>(kWidth * 27, std::nanf("")));
  EXPECT_THAT(refusal(), HasSubstr("weights of 'stem' are NaN or infinite"));
  model = convolutional();
  for (OnnxTensor& constant : model.constants) {
    if (constant.name.starts_with("w")) {
      constant.type = OnnxType::kFloat16;
      constant.bytes.resize(constant.bytes.size() / 2);
    }
  }
  EXPECT_THAT(refusal(), AllOf(HasSubstr("its weights are f16, not f32"), HasSubstr("export it in f32")));
  model = convolutional();
  const std::string bytes =
      quantise_foreign(write_again(model), model_, {{kImages, kSide, kSide, images_.data()}}, {}).onnx;
  write_file(file_, std::string_view(bytes));
  EXPECT_THAT(error_of<InputError>([&] { quantise(); }), HasSubstr("is in 8 bits already"));
}

TEST_F(ForeignQuantisation, RefusesWhatItCannot) {
  EXPECT_THROW(quantise_foreign(file_, model_, {}, {}), UsageError);
  std::string old = serialise(convolutional());
  const size_t opset = old.find(std::string("\x0A\x00\x10\x11", 4));
  ASSERT_NE(opset, std::string::npos);
  old[opset + 3] = 12;
  write_file(file_, std::string_view(old));
  EXPECT_THAT(error_of<InputError>([&] { quantise(); }),
              AllOf(HasSubstr("operator set 12"), HasSubstr("export it again")));
  EXPECT_THAT(error_of<InputError>([&] { quantise_foreign(folder_ / "m.xml", model_, {}, {}); }), HasSubstr(".onnx"));
}

}  // namespace
}  // namespace assemble
