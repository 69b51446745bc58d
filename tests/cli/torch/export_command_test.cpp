// SPDX-License-Identifier: Apache-2.0
// From a trained model to ONNX, 8 bits and a benchmark through the command alone.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/models/model_file.h"
#include "diverged.h"
#include "drawn_data.h"
#include "engines.h"
#include "lively_network.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

class ExportCommandTest : public testing::Test {
 protected:
  ExportCommandTest() {
    const Classifier network = lively_network("resnet50+sk+w8", 8, 32);
    ModelCard card;
    card.arch = network->arch().str();
    card.class_names = open_dataset(data(), Split::kValidation)->class_names();
    card.preprocessing = Preprocessing::from_type("imagenet_32a");
    // So that pixels, mean taken off, are about as large as what the network saw.
    card.preprocessing.deviation = {60, 60, 60};
    save_model(model(), *network, card);
  }
  static std::string data() { return test::drawn_data().string(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string model() const { return path("model.safetensors"); }

  static json succeed(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.exit_code == 0 ? json::parse(result.standard_output) : json();
  }
  static std::string fail(const std::vector<std::string>& arguments, int exit_code) {
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.standard_error;
    return result.standard_error;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ExportCommandTest, AnOnnxFileEvaluatesAndPredictsAsItsModel) {
  ASSEMBLE_NEEDS_OPENVINO();
  const json exported = succeed({"export", "--model", model(), "--out", path("m.onnx")});
  EXPECT_EQ(exported.at("precision"), "f32");
  EXPECT_EQ(exported.at("image_size"), 32);
  const json of_model = succeed({"eval", "--model", model(), "--data", data(), "--engine", "torch"});
  for (const std::string& network : {model(), path("m.onnx")}) {
    const json measured = succeed({"eval", "--model", network, "--data", data(), "--engine", "openvino"});
    EXPECT_EQ(measured.at("top1"), of_model.at("top1"));
    EXPECT_NEAR(measured.at("loss").get<double>() / of_model.at("loss").get<double>(), 1, 1e-3);
  }
  const std::string image = data() + "/validation";
  const json predicted = succeed({"predict", "--model", path("m.onnx"), image});
  EXPECT_EQ(predicted.at("predictions").size(), 24u);
}

TEST_F(ExportCommandTest, EightBitsAreMeasuredAndEvaluated) {
  const json exported = succeed({"export", "--model", model(), "--out", path("m.onnx"), "--int8", "--calibration",
                                 data() + "/train", "--data", data(), "--max-drop", "60"});
  EXPECT_EQ(exported.at("precision"), "int8");
  EXPECT_EQ(exported.at("calibration_images"), 48);
  EXPECT_EQ(exported.at("layers").at(0).at("name"), "conv1");
  EXPECT_EQ(exported.at("layers").at(0).at("precision"), "int8");
  EXPECT_LT(fs::file_size(path("m.onnx")), fs::file_size(model()));
  const json kept = succeed({"export", "--model", model(), "--out", path("k.onnx"), "--int8", "--calibration",
                             data() + "/train", "--keep", "conv1", "fc"});
  EXPECT_EQ(kept.at("layers").at(0).at("precision"), "f32");
  ASSEMBLE_NEEDS_OPENVINO();
  const json measured = succeed({"eval", "--model", path("m.onnx"), "--data", data()});
  EXPECT_NEAR(100 * measured.at("top1").get<double>(), exported.at("top1_int8").get<double>(), 1e-9);
}

TEST_F(ExportCommandTest, WarnsOfOtherImagesThanTheTrainings) {
  const json trained = succeed({"train", "--data", data(), "--out", path("run"), "--arch", "resnet50+w8", "--epochs",
                                "3", "--batch-size", "8", "--preprocessing", "imagenet_32a", "--lr", "0.05"});
  ASSERT_EQ(trained.at("steps"), 18);
  ModelCard card;
  const Classifier network = load_model(path("run/last.safetensors"), &card);
  EXPECT_NEAR(initial_statistics(card), std::pow(0.997, 18), 1e-6);
  const auto warning = [&](const std::string& file) {
    return run_command(
               {"export", "--model", file, "--out", path("m.onnx"), "--int8", "--calibration", data() + "/train"})
        .standard_error;
  };
  EXPECT_THAT(warning(path("run/last.safetensors")), testing::Not(HasSubstr("deviations from")));
  const Preprocessing right = card.preprocessing;
  card.preprocessing.mean = {0, 0, 0};
  save_model(path("no_mean.safetensors"), *network, card);
  EXPECT_THAT(warning(path("no_mean.safetensors")), HasSubstr("deviations from what the network saw in training"));
  card.preprocessing = right;
  card.preprocessing.deviation = {255, 255, 255};
  save_model(path("scaled.safetensors"), *network, card);
  EXPECT_THAT(warning(path("scaled.safetensors")), HasSubstr("deviations from what the network saw in training"));
}

TEST_F(ExportCommandTest, PreprocessingInsideMakesAnOnnxFileOfBytes) {
  ASSEMBLE_NEEDS_OPENVINO();
  ModelCard card;
  const Classifier network = load_model(model(), &card);
  card.preprocessing.eval_resize = 32;  // as large as the images: what the network sees are bytes already
  save_model(path("exact.safetensors"), *network, card);
  succeed({"export", "--model", path("exact.safetensors"), "--out", path("m.onnx"), "--preprocess"});
  const std::string file = test::read_text(path("m.onnx"));
  EXPECT_NE(file.find("channels_first"), std::string::npos);
  const std::string images = data() + "/validation";
  const json expected = succeed({"predict", "--model", path("exact.safetensors"), images}).at("predictions");
  const json found = succeed({"predict", "--model", path("m.onnx"), images}).at("predictions");
  ASSERT_EQ(found.size(), 24u);
  for (size_t i = 0; i < found.size(); ++i) {
    const json &best = expected.at(i).at("classes").at(0), &of_bytes = found.at(i).at("classes").at(0);
    EXPECT_EQ(of_bytes.at("class"), best.at("class")) << i;
    EXPECT_NEAR(of_bytes.at("probability").get<double>(), best.at("probability").get<double>(), 0.01) << i;
  }
}

TEST_F(ExportCommandTest, RefusesWhatCannotWork) {
  EXPECT_THAT(fail({"export", "--model", model(), "--out", path("m.bin")}, 2), HasSubstr("does not end in .onnx"));
  EXPECT_THAT(fail({"export", "--model", model(), "--out", path("m.onnx"), "--int8"}, 2), HasSubstr("--calibration"));
  EXPECT_THAT(fail({"export", "--model", model(), "--out", path("m.onnx"), "--int8", "--calibration", data() + "/train",
                    "--max-drop", "1"},
                   2),
              HasSubstr("--data"));
  EXPECT_THAT(fail({"export", "--model", model(), "--out", path("m.onnx"), "--int8", "--calibration", data() + "/train",
                    "--calibration-images", "5"},
                   2),
              HasSubstr("--calibration-images: is 5, at least 16"));
  EXPECT_THAT(fail({"export", "--model", model(), "--out", path("m.onnx"), "--range", "percentile"}, 2),
              HasSubstr("--int8"));
  EXPECT_FALSE(fs::exists(path("m.onnx")));
  EXPECT_THAT(fail({"eval", "--model", model(), "--data", data(), "--precision", "int8"}, 2),
              HasSubstr("assemble export --int8"));
}

TEST_F(ExportCommandTest, TheFolderOfTheFileIsMade) {
  succeed({"export", "--model", model(), "--out", path("new/folder/m.onnx")});
  EXPECT_TRUE(fs::is_regular_file(path("new/folder/m.onnx")));
}

TEST_F(ExportCommandTest, WhatDivergedIsRefused) {
  test::write_diverged(model(), path("nan.safetensors"));
  const std::vector<std::string> call{"export", "--model", path("nan.safetensors"), "--out", path("m.onnx")};
  EXPECT_THAT(fail(call, 3), HasSubstr("1 not finite: "));
  std::vector<std::string> int8 = call;
  int8.insert(int8.end(), {"--int8", "--calibration", data() + "/train"});
  EXPECT_THAT(fail(int8, 3), HasSubstr("1 not finite: "));
  EXPECT_FALSE(fs::exists(path("m.onnx")));
}

TEST_F(ExportCommandTest, BenchmarkComparesNetworksInTurns) {
  const json result = succeed({"benchmark", "--model", model(), "--batch", "2", "--seconds", "0.3", "--compare",
                               "resnet50+w8@32:int8", "mobilenet_v1+w8@32::torch"});
  EXPECT_GT(result.at("images_per_second").get<double>(), 0);
  EXPECT_LE(result.at("latency_ms").at("p50").get<double>(), result.at("latency_ms").at("p99").get<double>());
  EXPECT_GT(result.at("peak_memory_mib").get<double>(), 1);
  ASSERT_EQ(result.at("compare").size(), 3u);
  EXPECT_EQ(result.at("compare").at(1).at("precision"), "int8");
  EXPECT_EQ(result.at("compare").at(0).at("ratio"), 1.0);
  EXPECT_GT(result.at("share_of_peak").get<double>(), 0);
  const json alone = succeed(
      {"benchmark", "--arch", "resnet50+w8", "--image-size", "32", "--batch", "1", "--seconds", "0.2", "--no-peak"});
  EXPECT_FALSE(alone.contains("share_of_peak"));
  const std::vector<std::string> hinted{"benchmark", "--arch", "resnet50+w8", "--image-size", "32", "--batch", "2",
                                        "--seconds", "0.2",    "--no-peak",   "--threads",    "2",  "--hint"};
  const auto engine_of = [&](const char* hint) {
    std::vector<std::string> arguments = hinted;
    arguments.push_back(hint);
    return succeed(arguments).at("engine").get<std::string>();
  };
  if (test::has_openvino()) {
    EXPECT_THAT(engine_of("throughput"), HasSubstr("2 streams"));
    EXPECT_THAT(engine_of("latency"), HasSubstr("1 stream"));
  }
  EXPECT_THAT(fail({"benchmark", "--arch", "resnet50+w8", "--hint", "fast"}, 2), HasSubstr("--hint"));
  EXPECT_THAT(fail({"benchmark"}, 2), HasSubstr("--arch assemble_resnet50"));
  EXPECT_THAT(fail({"benchmark", "--arch", "resnet50+w8", "--compare", "resnet50@big"}, 2),
              HasSubstr("'big' is no size"));
}

}  // namespace
}  // namespace assemble
