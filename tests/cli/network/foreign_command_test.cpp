// SPDX-License-Identifier: Apache-2.0
// Networks of other programs in every command that reads a model.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "../../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "assemble/deploy/foreign_model.h"
#include "assemble/image/encode.h"
#include "assemble/io/safetensors.h"
#include "engines.h"
#include "mean_network.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::MeanNetwork;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kImagesPerClass = 6;
const std::vector<std::string> kClasses{"ant", "bee", "cat", "dog"};

class ForeignCommands : public testing::Test {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    write_file(model(), std::string_view(serialise(MeanNetwork().model())));
    write_file(in("names.txt"), std::string_view("ant\nbee\ncat\ndog\n"));
    uint64_t seed = 0;
    for (const std::string& name : kClasses) {
      fs::create_directories(in("data/train/" + name));
      for (int i = 0; i < kImagesPerClass; ++i) {
        test::write_bytes(in(concat("data/train/", name, "/", i, ".png")), encode_png(test::wavy_image(9, 12, ++seed)));
      }
    }
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }
  std::string model() const { return in("network.onnx"); }
  /// What the file does not say.
  std::vector<std::string> with_options(std::vector<std::string> command) const {
    for (const char* word : {"--input-mean", "0.5", "0.4", "0.3", "--input-deviation", "0.2", "0.25", "0.5",
                             "--input-resize", "8", "--input-interpolation", "bicubic"}) {
      command.emplace_back(word);
    }
    command.insert(command.end(), {"--class-names", in("names.txt")});
    return command;
  }
  static json parse(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.exit_code == 0 ? json::parse(result.standard_output) : json();
  }
  std::vector<std::string> eval() const {
    return {"eval", "--model", model(), "--data", in("data"), "--json", "--split", "train"};
  }

  test::TemporaryFolder folder_;
};

TEST_F(ForeignCommands, OptionsAndTheFileBesideSayTheSame) {
  const json by_options = parse(run_command(with_options(eval())));
  EXPECT_EQ(by_options.at("images"), 4 * kImagesPerClass);
  const CommandResult toml = run_command(with_options({"inspect", model(), "--toml"}));
  ASSERT_EQ(toml.exit_code, 0) << toml.standard_error;
  EXPECT_THAT(toml.standard_output, AllOf(HasSubstr("interpolation = \"bicubic\""), HasSubstr("crop = \"center\"")));
  write_file(in("network.toml"), std::string_view(toml.standard_output));
  EXPECT_EQ(parse(run_command(eval())), by_options);
  std::vector<std::string> other = eval();
  other.insert(other.end(), {"--input-interpolation", "bilinear"});
  EXPECT_NE(parse(run_command(other)).at("loss"), by_options.at("loss")) << "options go before the file";
}

TEST_F(ForeignCommands, ErrorsNameTheFlags) {
  const CommandResult result = run_command(eval());
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error,
              AllOf(HasSubstr("network.toml"), HasSubstr("or --input-mean"), HasSubstr("or --value-range")));
}

TEST_F(ForeignCommands, WhatIsGuessedIsSaid) {
  write_file(model(), std::string_view(test::as_of_torch(MeanNetwork().model())));
  std::vector<std::string> command = eval();
  command.insert(command.end(), {"--class-names", in("names.txt")});
  const CommandResult result = run_command(command);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_error, HasSubstr("looks like torchvision's ImageNet preprocessing"));
}

TEST_F(ForeignCommands, FlatAnswersAreWarnedOf) {
  const std::vector<std::string> command = with_options(eval());
  EXPECT_THAT(run_command(command).standard_error, Not(HasSubstr("its answers")));
  write_file(model(), std::string_view(serialise(MeanNetwork{.matrix = std::vector<float>(12, 0.01f)}.model())));
  EXPECT_THAT(run_command(command).standard_error, HasSubstr("network.onnx: its answers: "));
}

TEST_F(ForeignCommands, ClassesThatDoNotMeetAreExplained) {
  std::vector<std::string> command = with_options(eval());
  command.resize(command.size() - 2);  // without names
  fs::create_directories(in("data/train/eel"));
  test::write_bytes(in("data/train/eel/0.png"), encode_png(test::wavy_image(9, 9, 99)));
  const CommandResult result = run_command(command);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, AllOf(HasSubstr("has 5 classes"), HasSubstr("has 4 classes '0', '1', '2'"),
                                           HasSubstr("--label-offset"), HasSubstr("--class-map")));
}

TEST_F(ForeignCommands, CalibrateKeepsTheTemperatureBesideTheNetwork) {
  std::vector<std::string> command =
      with_options({"calibrate", "--model", model(), "--data", in("data"), "--split", "train", "--json"});
  const json result = parse(run_command(command));
  EXPECT_EQ(result.at("out"), in("network.toml"));
  const double temperature = result.at("temperature");
  const ForeignModelOptions kept = foreign_options(model());
  EXPECT_DOUBLE_EQ(kept.temperature.value_or(0), temperature);
  EXPECT_EQ(kept.resize, 8) << "with the options that were given";
  const json again =
      parse(run_command({"calibrate", "--model", model(), "--data", in("data"), "--split", "train", "--json"}));
  EXPECT_LT(again.at("loss_before"), result.at("loss_before")) << "logits are divided by it already";
  EXPECT_DOUBLE_EQ(foreign_options(model()).temperature.value_or(0),
                   temperature * again.at("temperature").get<double>());
  command.insert(command.end(), {"--out", in("other.onnx")});
  EXPECT_THAT(run_command(command).standard_error, HasSubstr("whose temperature goes into"));
}

TEST_F(ForeignCommands, PreprocessShowsWhatTheNetworkSees) {
  const json result = parse(run_command(with_options(
      {"preprocess", "--model", model(), in("data/train/ant/0.png"), "--out", in("seen.safetensors"), "--json"})));
  EXPECT_EQ(result.at("shape"), json({6, 6, 3}));
  const SafetensorsFile seen(in("seen.safetensors"));
  EXPECT_THAT(seen.metadata().at("preprocessing"), HasSubstr("torchvision"));
}

TEST_F(ForeignCommands, EveryCommandOpensThem) {
  write_file(in("network.toml"),
             std::string_view("value-range = [0, 1]\nmean = [0.5, 0.4, 0.3]\ndeviation = [0.2, 0.25, 0.5]\n"
                              "classes = \"names.txt\"\n"));
  fs::copy_file(model(), in("other.onnx"));
  fs::copy_file(in("network.toml"), in("other.toml"));
  const std::vector<std::string> data{"--data", in("data"), "--split", "train", "--json", "--quiet"};
  const auto run = [&](std::vector<std::string> command, bool with_data = true) {
    if (with_data) command.insert(command.end(), data.begin(), data.end());
    return parse(run_command(command));
  };
  const json predicted = run({"predict", "--model", model(), in("data/train/ant"), "--json"}, false);
  EXPECT_THAT(kClasses, testing::Contains(predicted.at("predictions").at(0).at("classes").at(0).at("class")));
  EXPECT_EQ(run({"compare", model(), in("other.onnx")}).at("against_first").at(0).at("top1_difference"), 0);
  EXPECT_EQ(run({"embed", "--model", model(), "--out", in("e.safetensors")}).at("embedding_size"), 3);
  EXPECT_EQ(run({"embed", "--model", model(), "--out", in("m.safetensors"), "--embedding-name", "MatMul2"})
                .at("embedding_size"),
            4);
  run({"eval", "--model", model(), "--model", in("other.onnx")});
  run({"robustness", "c", model(), in("other.onnx"), "--corruptions", "brightness", "--severities", "1", "--out",
       in("run")});
  run({"robustness", "shift", "--model", model(), "--resize", "8"});
  run({"teach", "--model", model(), "--data", in("data"), "--split", "train", "--out", in("taught"), "--json"}, false);
  run({"benchmark", "--model", model(), "--seconds", "0.1", "--no-peak", "--json"}, false);
  const json inspected = run({"inspect", model(), "--json"}, false);
  EXPECT_EQ(inspected.at("opset"), 17);
  EXPECT_EQ(inspected.at("inputs").at(0).at("dims"), json({-1, 3, 6, 6}));
  EXPECT_EQ(inspected.at("operators").at("MatMul"), 1);
  EXPECT_EQ(inspected.at("classes"), kClasses);
}

TEST_F(ForeignCommands, InspectSaysWhyAFileCannotBeUsed) {
  OnnxModel model = MeanNetwork().model();
  model.inputs.push_back({"state", OnnxType::kFloat, {-1, 8}});
  write_file(this->model(), std::string_view(serialise(model)));
  const CommandResult result = run_command({"inspect", this->model()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_output, AllOf(HasSubstr("cannot be used"), HasSubstr("has 2 inputs")));
}

TEST_F(ForeignCommands, InspectReadsOurOwnFilesToo) {
  test::SmallNetwork network({.classes = 4});
  network.save(in("own.safetensors"), network.card());
  const json own = parse(run_command({"inspect", in("own.safetensors"), "--json"}));
  EXPECT_EQ(own.at("kind"), "model file of assemble");
  EXPECT_EQ(own.at("classes").size(), 4u);
  EXPECT_GT(own.at("values"), 0);
  EXPECT_EQ(run_command({"inspect", in("own.safetensors"), "--toml"}).exit_code, 2);
  EXPECT_EQ(run_command({"inspect", in("none.onnx")}).exit_code, 3);
}

TEST_F(ForeignCommands, OptionsForThemDoNotConcernOurOwn) {
  test::SmallNetwork network({.classes = 4});
  network.save(in("own.safetensors"), network.card());
  const CommandResult result =
      run_command({"predict", "--model", in("own.safetensors"), in("data/train/ant/0.png"), "--input-resize", "9"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.standard_error, HasSubstr("says itself how it is used"));
}

TEST_F(ForeignCommands, EightBitsAreAFileOfTheirOwnWithItsOptions) {
  const std::string out = in("int8.onnx");
  const std::vector<std::string> command{"export", "--model", model(), "--out", out, "--json"};
  std::vector<std::string> quantising = with_options(command);
  quantising.insert(quantising.end(), {"--int8", "--calibration", in("data")});
  const json report = parse(run_command(quantising));
  EXPECT_EQ(report.at("calibration_images"), 4 * kImagesPerClass);
  EXPECT_EQ(report.at("layers").at(0).at("precision"), "int8");
  EXPECT_EQ(report.at("options"), in("int8.toml"));
  std::vector<std::string> evaluating = eval();
  std::ranges::replace(evaluating, model(), out);
  const double loss = parse(run_command(evaluating)).at("loss"),
               of_f32 = parse(run_command(with_options(eval()))).at("loss");
  EXPECT_NEAR(loss, of_f32, 0.02);
  EXPECT_NE(loss, of_f32);

  std::vector<std::string> packaging = quantising;
  packaging.emplace_back("--preprocess");
  EXPECT_THAT(run_command(packaging).standard_error, HasSubstr("--preprocess: is not for networks of other programs"));
  EXPECT_THAT(run_command(with_options(command)).standard_error, HasSubstr("with --int8 it is written in 8 bits"));
  EXPECT_EQ(run_command(quantising).exit_code, 0) << "what an export wrote, another replaces";
}

TEST_F(ForeignCommands, AnExportLeavesOtherFilesOfOptionsAlone) {
  const std::string mine = "# by hand\nlayout = \"nchw\"\n";
  write_file(in("int8.toml"), std::string_view(mine));
  const CommandResult result = run_command(
      with_options({"export", "--model", model(), "--out", in("int8.onnx"), "--int8", "--calibration", in("data")}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, AllOf(HasSubstr("int8.toml"), HasSubstr("no export has written it")));
  EXPECT_EQ(test::read_text(in("int8.toml")), mine);
  EXPECT_FALSE(fs::exists(in("int8.onnx")));
}

TEST_F(ForeignCommands, AnExportThatCannotBeUsedWritesNothing) {
  const auto error = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command =
        with_options({"export", "--model", model(), "--out", in("int8.onnx"), "--int8", "--calibration", in("data")});
    command.insert(command.end(), more.begin(), more.end());
    const CommandResult result = run_command(command);
    EXPECT_NE(result.exit_code, 0);
    EXPECT_FALSE(fs::exists(in("int8.onnx")) || fs::exists(in("int8.toml"))) << result.standard_error;
    return result.standard_error;
  };
  EXPECT_THAT(error({"--output-kind", "softmax"}), HasSubstr("do not add up to 1"));
  EXPECT_THAT(error({"--embedding-name", "nothing"}), HasSubstr("has no value 'nothing'"));
  EXPECT_THAT(error({"--percentile", "99"}), HasSubstr("--range percentile"));
  EXPECT_THAT(error({"--label-offset", "1"}), HasSubstr("add --data"));
  fs::create_directories(in("others/val/x"));
  test::write_bytes(in("others/val/x/0.png"), encode_png(test::wavy_image(9, 9, 99)));
  EXPECT_THAT(error({"--data", in("others")}), HasSubstr("have no class in common"));
  fs::create_directories(in("int8.toml"));
  EXPECT_THAT(run_command(with_options({"export", "--model", model(), "--out", in("int8.onnx"), "--int8",
                                        "--calibration", in("data")}))
                  .standard_error,
              HasSubstr("is a folder"));
  EXPECT_FALSE(fs::exists(in("int8.onnx")));
}

TEST_F(ForeignCommands, OneAnswerToAllImagesIsWarnedOf) {
  for (const size_t channel : {size_t{0}, size_t{1}}) {
    Image image = Image::create(9, 9);
    for (size_t i = channel; i < image.pixels.size(); i += Image::kChannels) image.pixels[i] = 255;
    test::write_bytes(in(concat("data/train/", kClasses[channel], "/0.png")), encode_png(image));
  }
  std::vector<std::string> command = eval();
  for (const char* word : {"--value-range", "0", "255", "--class-names"}) command.emplace_back(word);
  command.push_back(in("names.txt"));
  std::vector<float> matrix{1, -1, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0};  // whether there is more red or more green
  write_file(model(), std::string_view(serialise(MeanNetwork{.matrix = matrix}.model())));
  EXPECT_THAT(run_command(command).standard_error, Not(HasSubstr("were taken for one class")));
  matrix = {1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0};
  write_file(model(), std::string_view(serialise(MeanNetwork{.matrix = matrix}.model())));
  EXPECT_THAT(run_command(command).standard_error, HasSubstr("all 24 images, of 4 classes, were taken for one class"));
}

}  // namespace
}  // namespace assemble
