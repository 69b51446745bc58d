// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/foreign_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "engines.h"
#include "matrices.h"
#include "mean_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::as_of_torch;
using test::error_of;
using test::MeanNetwork;
using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kSide = MeanNetwork::kSide;
constexpr const char* kOptions = R"(
value-range = [0, 1]
mean = [0.5, 0.4, 0.3]
deviation = [0.2, 0.25, 0.5]
crop = "center"
resize = 8
interpolation = "bicubic"
antialias = true
)";

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
  ForeignModel describe(const OnnxModel& model, const std::string& options, const ForeignModelOptions& given = {}) {
    write(model, options);
    return read_foreign(file_, given);
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
  for (const char* key : {"value-range", "mean", "deviation", "size"}) {
    EXPECT_THAT(error, HasSubstr(concat("\n  ", key, " = "))) << key;
  }
  EXPECT_THAT(error,
              AllOf(HasSubstr("; or `value_range`"), HasSubstr("; or `input_mean`"), HasSubstr("; or `input_size`")));
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
  EXPECT_THAT(refusal(model, options + "layout = \"nhwc\""), HasSubstr("taken as nhwc"));
  EXPECT_THAT(refusal(model, options + "label-offset = 4"), HasSubstr("leaves none of the 4 outputs"));
  EXPECT_THAT(refusal(model, options + "output-name = \"probs\""), HasSubstr("its outputs are 'MatMul2' [?, 4]"));
  write_file(folder_ / "names.txt", std::string_view("a\nb\n"));
  EXPECT_THAT(refusal(model, options + "classes = \"names.txt\""), HasSubstr("names 2 classes, the network has 4"));
  std::string small = options;
  small.replace(small.find("resize = 8"), 10, "resize = 5");
  EXPECT_THAT(refusal(model, small), HasSubstr("'resize' 5 is less than the crop of 6"));
}

TEST_F(ForeignModels, MeansAndDeviationsOfOtherUnitsAreRefused) {
  const OnnxModel model = MeanNetwork().model();
  const auto with = [&](const std::string& range, const std::string& mean, const std::string& deviation) {
    return refusal(model, concat("value-range = ", range, "\nmean = ", mean, "\ndeviation = ", deviation));
  };
  EXPECT_THAT(with("[0, 1]", "[123.7, 116.3, 103.5]", "[0.2, 0.2, 0.2]"),
              HasSubstr("'mean' [123.7, 116.3, 103.5] cannot be beside `value_range` [0, 1]"));
  EXPECT_THAT(with("[0, 255]", "[123.7, 116.3, 103.5]", "[0.229, 0.224, 0.225]"), HasSubstr("'deviation' [0.229"));
  EXPECT_THAT(with("[0, 1]", "[0.5, 0.5, 0.5]", "[58, 58, 58]"), HasSubstr("'deviation' [58"));
  EXPECT_THAT(refusal(model, "mean = [123.7, 116.3, 103.5]"),
              AllOf(HasSubstr("value-range = [0, 255]"), HasSubstr("deviation = [58.395, 57.12, 57.375]")));
  for (const char* said : {"value-range = [0, 255]\nmean = [104, 117, 123]\ndeviation = [1, 1, 1]",
                           "value-range = [0, 1]\nmean = [0, 0, 0]\ndeviation = [0.00392157, 0.00392157, 0.00392157]",
                           "value-range = [-1, 1]"}) {
    EXPECT_NO_THROW(describe(model, said)) << said;
  }
}

TEST_F(ForeignModels, NetworksThatAreNoClassifiersAreRefused) {
  const std::string options = concat(kOptions, "output = \"logits\"\n");
  OnnxModel model = MeanNetwork().model();
  model.inputs.push_back({"state", OnnxType::kFloat, {-1, 8}});
  EXPECT_THAT(refusal(model, options),
              AllOf(HasSubstr("has 2 inputs: 'x' [?, 3, 6, 6], 'state' [?, 8]"), HasSubstr("only input")));
  model = MeanNetwork().model();
  model.inputs[0] = {"input_ids", OnnxType::kInt64, {-1, 128}};
  EXPECT_THAT(refusal(model, options), AllOf(HasSubstr("its input 'input_ids' [?, 128] takes int64, expected images"),
                                             HasSubstr("an input of floats or of uint8")));
  EXPECT_THAT(refusal(MeanNetwork{.input = {-1, 1, 28, 28}}.model(), options + "layout = \"nchw\""),
              HasSubstr("[?, 1, 28, 28], expected images"));
  EXPECT_THAT(refusal(MeanNetwork{.input = {-1, 3, 28, 30}}.model(), options), HasSubstr("images of 28×30"));
  model = MeanNetwork().model();
  model.outputs.push_back({"GlobalAveragePool0", OnnxType::kFloat, {-1, 3, 1, 1}});
  EXPECT_EQ(describe(model, options).output_name, "MatMul2") << "the other has no row of classes";
  model.outputs[1].dims = {-1, 3};
  EXPECT_THAT(refusal(model, options), HasSubstr("output-name = \"MatMul2\"  # which of the outputs"));
  model.outputs = {{"boxes", OnnxType::kFloat, {-1, 100, 4}}, {"scores", OnnxType::kFloat, {-1, 100, 91}}};
  EXPECT_THAT(refusal(model, options), AllOf(HasSubstr("none of its outputs is [N, classes]: 'boxes' [?, 100, 4]"),
                                             HasSubstr("is it a detector?")));
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
  write(MeanNetwork().model(), concat(kOptions, "output = \"logits\""));
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

TEST_F(ForeignModels, WhatIsSaidHereGoesBeforeTheFileBeside) {
  const std::string beside = concat(kOptions, "output = \"logits\"\n");
  const ForeignModel model =
      describe(MeanNetwork().model(), beside, {.resize = 7, .antialias = true, .label_offset = 2, .temperature = 4});
  EXPECT_EQ(model.card.preprocessing.eval_resize, 7);
  EXPECT_TRUE(model.card.preprocessing.bicubic) << "as the file beside it says";
  EXPECT_EQ(model.card.classes(), 2);
  EXPECT_EQ(model.temperature, 4);
  EXPECT_TRUE(model.guesses.empty());
}

TEST_F(ForeignModels, FilesOfTorchAreGuessed) {
  write_file(file_, std::string_view(as_of_torch(MeanNetwork{.softmax = true}.model())));
  const ForeignModel model = read_foreign(file_);
  const Preprocessing& preprocessing = model.card.preprocessing;
  EXPECT_EQ(model.output, OutputKind::kSoftmax) << "the last operator is one";
  EXPECT_THAT(preprocessing.mean, testing::Pointwise(testing::FloatNear(1e-3f), {123.675f, 116.28f, 103.53f}));
  EXPECT_EQ(preprocessing.family, PreprocessingFamily::kTorchvision);
  EXPECT_FALSE(preprocessing.bicubic);
  ASSERT_EQ(model.guesses.size(), 2u);
  EXPECT_THAT(model.guesses[0], HasSubstr("looks like torchvision's ImageNet preprocessing"));
  EXPECT_THAT(model.guesses[1], AllOf(HasSubstr("crop \"center\""), HasSubstr("interpolation \"bilinear\"")));
  // Of another program, or with the channels last, the pixels are not guessed.
  write_file(file_, std::string_view(serialise(MeanNetwork().model())));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("value-range"), HasSubstr("mean"), testing::Not(HasSubstr("crop"))));
  write_file(
      file_,
      std::string_view(as_of_torch(MeanNetwork{.layout = ImageLayout::kNhwc, .input = {-1, kSide, kSide, 3}}.model())));
  EXPECT_THAT(refusal(), HasSubstr("value-range"));
}

TEST_F(ForeignModels, ARangeAloneSaysWhatPixelsAre) {
  write_file(file_, std::string_view(serialise(MeanNetwork().model())));
  const auto pixels = [&](const ForeignModelOptions& options) {
    return read_foreign(file_, options).card.preprocessing;
  };
  const Preprocessing symmetric = pixels({.value_range = {{-1, 1}}});
  EXPECT_EQ(symmetric.mean[0], 127.5f);
  EXPECT_EQ(symmetric.deviation[0], 127.5f);
  EXPECT_EQ(pixels({.value_range = {{0, 255}}}).deviation[0], 1.f);
  EXPECT_EQ(pixels({.mean = {{127.5f, 127.5f, 127.5f}}, .deviation = {{127.5f, 127.5f, 127.5f}}}).mean[0], 127.5f);
  EXPECT_EQ(pixels({.mean = {{0.5f, 0.5f, 0.5f}}, .deviation = {{0.5f, 0.5f, 0.5f}}}).mean[0], 127.5f);
}

TEST_F(ForeignModels, OptionsAsTomlReadBackEqual) {
  write_file(folder_ / "names.txt", std::string_view("a\nb\nc\n"));
  const ForeignModel model =
      describe(MeanNetwork().model(), concat(kOptions, "classes = \"names.txt\"\nlabel-offset = 1\n"));
  EXPECT_EQ(model.options.classes, folder_ / "names.txt");
  const std::string text = model.options.to_toml(folder_.path());
  EXPECT_THAT(text, AllOf(HasSubstr("classes = \"names.txt\"\n"), HasSubstr("output = \"logits\"\n"),
                          HasSubstr("mean = [0.5, 0.4, 0.3]\n"), HasSubstr("layout = \"nchw\"\n")));
  const ForeignModelOptions again = ForeignModelOptions::from_toml(text, (folder_ / "again.toml").string());
  EXPECT_EQ(again.to_keys(), model.options.to_keys());
}

TEST_F(ForeignModels, KeysAreSetAndAllElseStays) {
  const fs::path beside = foreign_options_file(file_);
  set_foreign_keys(file_, {{"temperature", "2"}});
  EXPECT_EQ(test::read_text(beside), "temperature = 2\n");
  write_file(beside,
             std::string_view("# of mine\nmean = [0.5,\n  0.4, 0.3]  # three\ntemperature = 2 # old\nsize = 6"));
  set_foreign_keys(file_, {{"temperature", "1.5"}, {"mean", "[1, 2, 3]"}});
  EXPECT_EQ(test::read_text(beside), "# of mine\nsize = 6\nmean = [1, 2, 3]\ntemperature = 1.5\n");
}

TEST_F(ForeignModels, TheTemperatureDividesLogits) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network;
  write(network.model(), concat(kOptions, "temperature = 2.5"));
  Matrix expected = network.logits(images_);
  for (float& value : expected.values) value /= 2.5f;
  EXPECT_LT(test::relative_difference(run(), expected), 1e-5);
}

TEST_F(ForeignModels, ANumberOfClassesThatTheFileDoesNotSayIsCounted) {
  ASSEMBLE_NEEDS_OPENVINO();
  OnnxModel model = MeanNetwork().model();
  model.outputs[0].dims = {-1, -1};
  write(model, concat(kOptions, "output = \"logits\"\nlabel-offset = 1"));
  const DeployedModel opened = open_engine(file_, {});
  EXPECT_EQ(opened.card.class_names, (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(opened.engine->outputs(), 3);
}

TEST_F(ForeignModels, OfAnySizeAreOpenedAtASizeOfOnesChoice) {
  ASSEMBLE_NEEDS_OPENVINO();
  write(MeanNetwork{.input = {-1, 3, -1, -1}}.model(), concat(kOptions, "size = 6"));
  const DeployedModel opened = open_engine(file_, {.image_size = 12});
  EXPECT_EQ(opened.engine->image_size(), 12);
  EXPECT_EQ(opened.card.preprocessing.eval_size, 12);
  EXPECT_EQ(opened.card.preprocessing.eval_resize, 16) << "the same share of the image";
  write(MeanNetwork{.input = {-1, 3, -1, -1}}.model(), kOptions);
  EXPECT_EQ(open_engine(file_, {.image_size = 8}).engine->image_size(), 8) << "which nothing else says";
}

TEST_F(ForeignModels, WeightsThatAreNanAreRefused) {
  ASSEMBLE_NEEDS_OPENVINO();
  MeanNetwork network;
  network.matrix[5] = std::numeric_limits<float>::quiet_NaN();
  write(network.model(), kOptions);
  EXPECT_THAT(error_of<InputError>([&] { open_engine(file_, {}); }), HasSubstr("are NaN"));
}

TEST_F(ForeignModels, OperatorsThatOpenvinoDoesNotKnowAreNamed) {
  ASSEMBLE_NEEDS_OPENVINO();
  OnnxModel model = MeanNetwork().model();
  model.nodes[0].type = "GlobalOddPool";
  write(model, kOptions);
  const std::string error = error_of<InputError>([&] { open_engine(file_, {}); });
  EXPECT_THAT(error, AllOf(HasSubstr("it knows no operator GlobalOddPool"), HasSubstr("ONNX's own operators")));
  EXPECT_THAT(error, testing::Not(HasSubstr("Exception from")));
}

TEST_F(ForeignModels, EmbeddingsAreWhatTheLastDenseLayerTakesOrAnyValueByName) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network{.softmax = true};
  write(network.model(), kOptions);
  const auto embed = [&](const std::string& name) {
    return open_embedder(file_, {.batch = 4, .foreign = {.embedding_name = name}})
        .engine->run({5, kSide, kSide, images_.data()});
  };
  const Matrix means = embed("");
  ASSERT_EQ(means.columns, 3);
  for (int64_t k = 0; k < MeanNetwork::kOutputs; ++k) {
    float logit = 0;
    for (size_t c = 0; c < 3; ++c) logit += means.row(4)[c] * network.matrix[c * 4 + static_cast<size_t>(k)];
    EXPECT_NEAR(logit, network.logits(images_).row(4)[static_cast<size_t>(k)], 1e-5);
  }
  EXPECT_EQ(embed("GlobalAveragePool0").values, means.values);
  EXPECT_LT(test::relative_difference(embed("MatMul2"), network.logits(images_)), 1e-5);
  EXPECT_THAT(error_of<InputError>([&] { embed("MatMul3"); }), HasSubstr("did you mean 'MatMul2'?"));
  EXPECT_THAT(error_of<InputError>([&] { embed("x"); }), HasSubstr("expected [N, E]"));
}

/// The network of means as OpenVINO's own file.
std::string ir_of_means() {
  const auto port = [](int id, const std::string& names, const std::vector<std::string>& dims, const char* type) {
    std::string text = concat("<port id=\"", id, "\" precision=\"", type, "\"", names.empty() ? "" : " names=\"", names,
                              names.empty() ? ">" : "\">");
    for (const std::string& dim : dims) text += "<dim>" + dim + "</dim>";
    return text + "</port>";
  };
  const auto layer = [](int id, const std::string& name, const std::string& type, const std::string& version,
                        const std::string& data, const std::string& inputs, const std::string& outputs) {
    return concat("<layer id=\"", id, "\" name=\"", name, "\" type=\"", type, "\" version=\"", version, "\"><data ",
                  data, "/>", inputs.empty() ? "" : "<input>" + inputs + "</input>",
                  outputs.empty() ? "" : "<output>" + outputs + "</output>", "</layer>\n");
  };
  const std::vector<std::string> image{"-1", "3", "6", "6"}, mean{"-1", "3"}, row{"-1", "4"};
  std::string text = "<?xml version=\"1.0\"?>\n<net name=\"means\" version=\"11\">\n<layers>\n";
  text +=
      layer(0, "x", "Parameter", "opset1", "shape=\"?,3,6,6\" element_type=\"f32\"", "", port(0, "x", image, "FP32"));
  text += layer(1, "axes", "Const", "opset1", "element_type=\"i64\" shape=\"2\" offset=\"0\" size=\"16\"", "",
                port(0, "", {"2"}, "I64"));
  text += layer(2, "means", "ReduceMean", "opset1", "keep_dims=\"false\"",
                port(0, "", image, "FP32") + port(1, "", {"2"}, "I64"), port(2, "means", mean, "FP32"));
  text += layer(3, "w", "Const", "opset1", "element_type=\"f32\" shape=\"3,4\" offset=\"16\" size=\"48\"", "",
                port(0, "", {"3", "4"}, "FP32"));
  text += layer(4, "classes", "MatMul", "opset1", "transpose_a=\"false\" transpose_b=\"false\"",
                port(0, "", mean, "FP32") + port(1, "", {"3", "4"}, "FP32"), port(2, "", row, "FP32"));
  text += layer(5, "out", "Result", "opset1", "", port(0, "", row, "FP32"), "");
  text += "</layers>\n<edges>\n";
  for (const auto& [from, port_from, to, port_to] :
       std::vector<std::array<int, 4>>{{0, 0, 2, 0}, {1, 0, 2, 1}, {2, 2, 4, 0}, {3, 0, 4, 1}, {4, 2, 5, 0}}) {
    text += concat("<edge from-layer=\"", from, "\" from-port=\"", port_from, "\" to-layer=\"", to, "\" to-port=\"",
                   port_to, "\"/>\n");
  }
  return text + "</edges>\n</net>\n";
}

TEST_F(ForeignModels, AreReadFromOpenvinosOwnFiles) {
  ASSEMBLE_NEEDS_OPENVINO();
  const MeanNetwork network;
  file_ = folder_ / "means.xml";
  write_file(file_, std::string_view(ir_of_means()));
  Bytes weights(16, 0);
  weights[0] = 2, weights[8] = 3;  // the axes
  const Bytes matrix = test::bytes_of(network.matrix);
  weights.insert(weights.end(), matrix.begin(), matrix.end());
  EXPECT_THAT(error_of<InputError>([&] { open_engine(file_, {}); }), HasSubstr(".bin"));
  write_file(folder_ / "means.bin", weights);
  write_file(foreign_options_file(file_), std::string_view(kOptions));
  const ForeignModel model = read_foreign(file_);
  EXPECT_THAT(model.card.arch, HasSubstr("OpenVINO"));
  EXPECT_EQ(model.card.classes(), 4);
  EXPECT_LT(test::relative_difference(run(), network.logits(images_)), 1e-5);
  EXPECT_EQ(open_embedder(file_, {.batch = 4}).engine->outputs(), 3);
  const std::string before = network_content(file_);
  weights.back() ^= 1;
  write_file(folder_ / "means.bin", weights);
  EXPECT_NE(network_content(file_), before) << "weights belong to what a file holds";
}

}  // namespace
}  // namespace assemble
