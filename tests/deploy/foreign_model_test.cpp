// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "engines.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kOutputs = 4;
constexpr int64_t kSide = 6;
constexpr const char* kOptions = R"(
value-range = [0, 1]
mean = [0.5, 0.4, 0.3]
deviation = [0.2, 0.25, 0.5]
crop = "center"
resize = 8
interpolation = "bicubic"
antialias = true
)";

Bytes bytes_of(const std::vector<float>& values) {
  Bytes bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Logits are the channels' means times a matrix: 3 to 4.
struct MeanNetwork {
  ImageLayout layout = ImageLayout::kNchw;
  bool bytes = false;
  bool softmax = false;
  std::vector<int64_t> input = {-1, 3, kSide, kSide};
  std::vector<float> matrix = test::normal_values(3 * kOutputs, 3);

  OnnxModel model() const {
    OnnxModel model;
    model.name = "means";
    model.inputs.push_back({"x", bytes ? OnnxType::kUint8 : OnnxType::kFloat, input});
    std::string last = "x";
    const auto add = [&](const std::string& type, std::vector<std::string> more, decltype(OnnxNode::attributes) set) {
      std::vector<std::string> inputs{last};
      inputs.insert(inputs.end(), more.begin(), more.end());
      last = concat(type, model.nodes.size());
      model.nodes.push_back({type, last, inputs, {last}, std::move(set)});
    };
    if (bytes) add("Cast", {}, {{"to", int64_t{1}}});
    if (layout == ImageLayout::kNhwc) add("Transpose", {}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
    add("GlobalAveragePool", {}, {});
    add("Flatten", {}, {});
    model.constants.push_back({"w", OnnxType::kFloat, {3, kOutputs}, bytes_of(matrix)});
    add("MatMul", {"w"}, {});
    if (softmax) add("Softmax", {}, {{"axis", int64_t{1}}});
    model.outputs.push_back({last, OnnxType::kFloat, {input[0], kOutputs}});
    return model;
  }

  /// @param images as the network takes them, NHWC
  Matrix logits(const std::vector<float>& images, bool reversed = false) const {
    const size_t pixels = kSide * kSide, count = images.size() / pixels / 3;
    Matrix result(static_cast<int64_t>(count), kOutputs);
    for (size_t i = 0; i < count * pixels * 3; ++i) {
      const size_t image = i / pixels / 3, c = reversed ? 2 - i % 3 : i % 3;
      for (size_t k = 0; k < kOutputs; ++k) {
        result.row(static_cast<int64_t>(image))[k] += images[i] * matrix[c * kOutputs + k] / static_cast<float>(pixels);
      }
    }
    return result;
  }
};

class ForeignModels : public testing::Test {
 protected:
  void write(const OnnxModel& model, const std::string& options) {
    write_file(file_, std::string_view(serialise(model)));
    write_file(foreign_options_file(file_), std::string_view(options));
  }
  std::string refusal() const {
    return error_of<InputError>([&] { read_foreign(file_); });
  }
  std::string refusal(const OnnxModel& model, const std::string& options) {
    write(model, options);
    return refusal();
  }
  Matrix run(const EngineOptions& options = {.batch = 4}) const {
    return open_engine(file_, options).engine->run({5, kSide, kSide, images_.data()});
  }

  test::TemporaryFolder folder_;
  fs::path file_ = folder_ / "teacher.onnx";
  std::vector<float> images_ = test::normal_values(5 * kSide * kSide * 3, 7);
};

TEST_F(ForeignModels, OptionsBecomePreprocessing) {
  write(MeanNetwork().model(), concat(kOptions, "output = \"logits\"\nlabel_offset = 1\nchannels = \"bgr\"\n"));
  const ForeignModel model = read_foreign(file_);
  const Preprocessing& preprocessing = model.card.preprocessing;
  EXPECT_EQ(preprocessing.family, PreprocessingFamily::kTorchvision);
  EXPECT_TRUE(preprocessing.antialias && preprocessing.bicubic);
  EXPECT_EQ(preprocessing.eval_size, kSide);
  EXPECT_EQ(preprocessing.eval_resize, 8);
  EXPECT_THAT(preprocessing.mean, testing::Pointwise(testing::FloatNear(1e-4f), {127.5f, 102.f, 76.5f}));
  EXPECT_THAT(preprocessing.deviation, testing::Pointwise(testing::FloatNear(1e-4f), {51.f, 63.75f, 127.5f}));
  EXPECT_EQ(model.card.class_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_THAT(model.card.arch, HasSubstr("onnx of assemble"));
  EXPECT_THAT(model.description, AllOf(HasSubstr("nchw, bgr"), HasSubstr("operator set 17")));
}

TEST_F(ForeignModels, ValuesFromMinusOneToOne) {
  write(MeanNetwork().model(),
        "value-range = [-1, 1]\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\ncrop = \"inception\"\n"
        "interpolation = \"bilinear\"\nantialias = false\noutput = \"logits\"");
  const Preprocessing preprocessing = read_foreign(file_).card.preprocessing;
  EXPECT_EQ(preprocessing.family, PreprocessingFamily::kInception);
  EXPECT_EQ(preprocessing.mean[0], 127.5f);
  EXPECT_EQ(preprocessing.deviation[0], 127.5f);
}

TEST_F(ForeignModels, WithoutOptionsTheErrorListsWhatToSay) {
  write_file(file_, std::string_view(serialise(MeanNetwork{.input = {-1, 3, -1, -1}}.model())));
  const std::string error = refusal();
  EXPECT_THAT(error, HasSubstr("teacher.toml"));
  for (const char* key : {"value-range", "mean", "deviation", "size", "resize", "crop", "interpolation", "antialias"}) {
    EXPECT_THAT(error, HasSubstr(concat("\n  ", key, " = "))) << key;
  }
  EXPECT_THAT(error, testing::Not(HasSubstr("layout")));
  EXPECT_THAT(refusal(MeanNetwork{.input = {-1, -1, -1, -1}}.model(), kOptions), HasSubstr("layout = \"nchw\""));
}

TEST_F(ForeignModels, OptionsAreStrict) {
  const auto error = [](const std::string& text) {
    return error_of<UsageError>([&] { ForeignModelOptions::from_toml(text, "t.toml"); });
  };
  EXPECT_THAT(error("\ninterpolatoin = \"bicubic\""),
              AllOf(HasSubstr("t.toml:2:"), HasSubstr("did you mean interpolation?")));
  EXPECT_THAT(error("layout = \"nhcw\""), AllOf(HasSubstr("t.toml:1:"), HasSubstr("nhwc")));
  EXPECT_THAT(error("mean = [1, 2]"), HasSubstr("expected an array of 3 numbers"));
  EXPECT_THAT(error("deviation = [1, 0, 1]"), HasSubstr("3 numbers above 0"));
  EXPECT_THAT(error("mean = [nan, 2, 3]"), HasSubstr("expected an array of 3 numbers"));
  EXPECT_THAT(error("value-range = [1, 0]"), HasSubstr("the lower value first"));
  EXPECT_THAT(error("antialias = 1"), HasSubstr("true or false"));
  EXPECT_THAT(error("size = 224.5"), HasSubstr("a whole number from 1"));
  EXPECT_THAT(error("label-offset = -1"), HasSubstr("a whole number from 0"));
  EXPECT_THAT(error("label-offset = 1\nlabel_offset = 1"), HasSubstr("set before, in line 1"));
  EXPECT_THAT(error("[input]\nsize = 3"), HasSubstr("unknown key 'input.size'"));
}

TEST_F(ForeignModels, OptionsThatContradictTheFileAreRefused) {
  const std::string options = concat(kOptions, "output = \"logits\"\n");
  const OnnxModel model = MeanNetwork().model();
  EXPECT_THAT(refusal(model, options + "size = 32"), HasSubstr("'size' 32, but"));
  EXPECT_THAT(refusal(model, options + "layout = \"nhwc\""), HasSubstr("says nhwc"));
  EXPECT_THAT(refusal(model, options + "label-offset = 4"), HasSubstr("leaves none of the 4 outputs"));
  EXPECT_THAT(refusal(model, options + "output-name = \"probs\""), HasSubstr("its outputs are 'MatMul2' [?, 4]"));
  write_file(folder_ / "names.txt", std::string_view("a\nb\n"));
  EXPECT_THAT(refusal(model, options + "classes = \"names.txt\""), HasSubstr("names 2 classes, the network has 4"));
  std::string small = options;
  small.replace(small.find("resize = 8"), 10, "resize = 5");
  EXPECT_THAT(refusal(model, small), HasSubstr("'resize' 5 is less than the crop of 6"));
}

TEST_F(ForeignModels, NetworksThatAreNoClassifiersAreRefused) {
  const std::string options = concat(kOptions, "output = \"logits\"\n");
  OnnxModel model = MeanNetwork().model();
  model.inputs.push_back({"state", OnnxType::kFloat, {-1, 8}});
  EXPECT_THAT(refusal(model, options),
              AllOf(HasSubstr("has 2 inputs: 'x' [?, 3, 6, 6], 'state' [?, 8]"), HasSubstr("only input")));
  model = MeanNetwork().model();
  model.inputs[0].type = OnnxType::kInt64;
  EXPECT_THAT(refusal(model, options), HasSubstr("an input of floats or of uint8"));
  EXPECT_THAT(refusal(MeanNetwork{.input = {-1, 1, 28, 28}}.model(), options + "layout = \"nchw\""),
              HasSubstr("[?, 1, 28, 28], expected images"));
  EXPECT_THAT(refusal(MeanNetwork{.input = {-1, 3, 28, 30}}.model(), options), HasSubstr("images of 28×30"));
  model = MeanNetwork().model();
  model.outputs.push_back({"GlobalAveragePool0", OnnxType::kFloat, {-1, 3, 1, 1}});
  EXPECT_THAT(refusal(model, options), HasSubstr("output-name = \"MatMul2\"  # which of the outputs"));
  model.outputs = {{"x2", OnnxType::kFloat, {-1, 3, 7, 7}}};
  EXPECT_THAT(refusal(model, options), HasSubstr("'x2' is [?, 3, 7, 7], expected [N, classes]"));
}

TEST_F(ForeignModels, GiveTheLogitsOfBothLayoutsAndOrders) {
  ASSEMBLE_NEEDS_OPENVINO();
  for (const ImageLayout layout : {ImageLayout::kNchw, ImageLayout::kNhwc}) {
    for (const char* channels : {"rgb", "bgr"}) {
      MeanNetwork network{.layout = layout};
      if (layout == ImageLayout::kNhwc) network.input = {-1, kSide, kSide, 3};
      write(network.model(), concat(kOptions, "output = \"logits\"\nchannels = \"", channels, "\"\n"));
      const Matrix expected = network.logits(images_, channels[0] == 'b');
      EXPECT_LT(test::relative_difference(run(), expected), 1e-5) << channels;
    }
  }
}

TEST_F(ForeignModels, SizesAndBatchesThatTheFileLeavesOpenOrFixes) {
  ASSEMBLE_NEEDS_OPENVINO();
  for (const std::vector<int64_t>& input :
       {std::vector<int64_t>{-1, 3, -1, -1}, {1, 3, kSide, kSide}, {2, 3, -1, -1}}) {
    const MeanNetwork network{.input = input};
    write(network.model(), concat(kOptions, "output = \"logits\"\nsize = ", kSide));
    EXPECT_LT(test::relative_difference(run(), network.logits(images_)), 1e-5);
  }
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(file_, {.image_size = 7}); }), HasSubstr("images of 6, not"));
  EXPECT_THAT(error_of<UsageError>([&] { open_engine(file_, {.precision = Precision::kInt8}); }), HasSubstr("int8"));
}

TEST_F(ForeignModels, ASoftmaxBecomesItsLogarithm) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network{.softmax = true};
  write(network.model(), concat(kOptions, "output = \"softmax\"\nlabel-offset = 1\n"));
  const Matrix found = run(), logits = network.logits(images_);
  ASSERT_EQ(found.columns, 3);
  for (int64_t i = 0; i < found.rows; ++i) {
    // Logarithms of probabilities are logits but for a constant.
    for (size_t k = 1; k < 3; ++k) {
      EXPECT_NEAR(found.row(i)[k] - found.row(i)[0], logits.row(i)[k + 1] - logits.row(i)[1], 1e-5);
    }
  }
  write(network.model(), concat(kOptions, "output = \"logits\""));
  EXPECT_THAT(error_of<InputError>([&] { run(); }), HasSubstr("set output = \"softmax\""));
  write(MeanNetwork().model(), concat(kOptions, "output = \"softmax\""));
  EXPECT_THAT(error_of<InputError>([&] { run(); }), HasSubstr("set output = \"logits\""));
}

TEST_F(ForeignModels, AProbabilityOfZeroIsAFiniteLogit) {
  ASSEMBLE_NEEDS_OPENVINO();
  MeanNetwork network{.softmax = true};
  for (float& value : network.matrix) value *= 1e6f;
  write(network.model(), concat(kOptions, "output = \"softmax\""));
  const Matrix found = run();
  EXPECT_TRUE(std::ranges::all_of(found.values, [](float value) { return value >= -88 && value <= 0; }));
}

TEST_F(ForeignModels, BytesAreTakenAsTheyAre) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network{.bytes = true};
  const std::string geometry =
      "crop = \"squash\"\ninterpolation = \"bilinear\"\nantialias = true\noutput = \"logits\"\n";
  write(network.model(), geometry);
  EXPECT_EQ(read_foreign(file_).card.preprocessing.deviation[2], 1.f);
  for (float& value : images_) value = std::round(std::abs(value) * 50);
  EXPECT_LT(test::relative_difference(run(), network.logits(images_)), 1e-5);
  EXPECT_THAT(refusal(network.model(), geometry + "mean = [1, 2, 3]"), HasSubstr("takes bytes as they are"));
}

TEST_F(ForeignModels, OfOldOperatorSetsAndSeveralOutputs) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network;
  OnnxModel model = network.model();
  model.outputs.insert(model.outputs.begin(), {"GlobalAveragePool0", OnnxType::kFloat, {-1, 3, 1, 1}});
  std::string bytes = serialise(model);
  const size_t opset = bytes.find(std::string("\x0A\x00\x10\x11", 4));
  ASSERT_NE(opset, std::string::npos);
  bytes[opset + 3] = 9;
  write(model, concat(kOptions, "output = \"logits\"\noutput-name = \"MatMul2\""));
  write_file(file_, std::string_view(bytes));
  EXPECT_THAT(read_foreign(file_).description, HasSubstr("operator set 9"));
  EXPECT_LT(test::relative_difference(run(), network.logits(images_)), 1e-5);
}

}  // namespace
}  // namespace assemble
