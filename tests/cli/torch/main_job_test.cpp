// SPDX-License-Identifier: Apache-2.0
// The main job through the command alone: inspect, build, train, resume, evaluate, predict, and what goes wrong there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "archives.h"
#include "diverged.h"
#include "drawn_data.h"
#include "engines.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::HasSubstr;

/// One short run, trained once for all tests.
class MainJob : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    trained_ = new CommandResult(run_command(train_arguments("run")));
  }
  static void TearDownTestSuite() {
    delete trained_;
    delete folder_;
  }

  static std::vector<std::string> train_arguments(const std::string& name) {
    return {"train",    "--data", data(),         "--out", (*folder_ / name).string(), "--arch",       "resnet50+w8",
            "--epochs", "1",      "--batch-size", "8",     "--preprocessing",          "imagenet_32a", "--json",
            "--lr",     "0.05"};
  }
  static std::string data() { return test::drawn_data().string(); }
  static std::string first_class() { return drawn_classes().front(); }
  static std::string model() { return (*folder_ / "run/best.safetensors").string(); }

  static test::TemporaryFolder* folder_;
  static CommandResult* trained_;
};
test::TemporaryFolder* MainJob::folder_ = nullptr;
CommandResult* MainJob::trained_ = nullptr;

TEST_F(MainJob, TrainPrintsJsonAloneAndLeavesARunFolder) {
  ASSERT_EQ(trained_->exit_code, 0) << trained_->standard_error;
  const json result = json::parse(trained_->standard_output);
  EXPECT_EQ(result.at("steps"), 6);
  EXPECT_GT(result.at("peak_memory_mib").get<double>(), 0);
  EXPECT_THAT(trained_->standard_error, HasSubstr("data"));
  for (const char* file :
       {"config.toml", "environment.json", "metrics.jsonl", "summary.csv", "best.safetensors", "report.html"}) {
    EXPECT_TRUE(test::fs::exists(*folder_ / "run" / file)) << file;
  }
  const bool explains = test::has_openvino();  // what mistakes were taken for
  EXPECT_EQ(test::read_text(*folder_ / "run/report.html").find("class=\"pair\"") != std::string::npos, explains);
}

TEST_F(MainJob, TheSavedConfigurationRepeatsTheRunAndFlagsWinOverIt) {
  const std::string config = (*folder_ / "run/config.toml").string();
  const CommandResult again =
      run_command({"train", "--config", config, "--out", (*folder_ / "again").string(), "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  EXPECT_EQ(test::read_text(*folder_ / "again/best.safetensors"), test::read_text(model()));
}

TEST_F(MainJob, EvalWritesAPageOfItsMeasures) {
  const std::string page = (*folder_ / "pages/measures.html").string();
  const CommandResult result = run_command({"eval", "--model", model(), "--data", data(), "--report", page, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(json::parse(result.standard_output).at("report"), page);
  EXPECT_THAT(test::read_text(page), HasSubstr("Each class in figures"));
  EXPECT_THAT(
      run_command({"eval", "--model", model(), "--data", data(), "--report", page, "--retrieval"}).standard_error,
      HasSubstr("--report: is of classes, which --retrieval has none of"));
}

TEST_F(MainJob, CalibrateKeepsATemperatureInTheModelFile) {
  const std::string out = (*folder_ / "calibrated.safetensors").string();
  const CommandResult result = run_command({"calibrate", "--model", model(), "--data", data(), "--out", out, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json fitted = json::parse(result.standard_output);
  const auto measures = [&](const std::string& file) {
    return json::parse(run_command({"eval", "--model", file, "--data", data(), "--json"}).standard_output);
  };
  const json before = measures(model()), after = measures(out);
  EXPECT_EQ(after.at("confusion"), before.at("confusion"));
  EXPECT_LE(after.at("loss").get<double>(), before.at("loss").get<double>());
  EXPECT_NEAR(fitted.at("loss_before").get<double>(), before.at("loss").get<double>(), 1e-6);
  const CommandResult again =
      run_command({"calibrate", "--model", out, "--data", data(), "--out", out + "2", "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.standard_error;
  EXPECT_NEAR(json::parse(again.standard_output).at("loss_before").get<double>(), after.at("loss").get<double>(), 1e-6);
}

TEST_F(MainJob, CompareTellsModelsApart) {
  const std::string last = (*folder_ / "run/last.safetensors").string(),
                    copy = (*folder_ / "copy.safetensors").string();
  test::fs::copy_file(model(), copy, test::fs::copy_options::overwrite_existing);
  const std::string page = (*folder_ / "pages/compared.html").string();
  const CommandResult result =
      run_command({"compare", model(), copy, last, "--data", data(), "--report", page, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json compared = json::parse(result.standard_output);
  ASSERT_EQ(compared.at("models").size(), 3u);
  EXPECT_EQ(compared.at("models").at(1).at("name"), "copy.safetensors");
  EXPECT_GT(compared.at("models").at(1).at("images_per_second"), 0);
  const json& alike = compared.at("against_first").at(0);
  EXPECT_EQ(alike.at("top1_difference"), 0);
  EXPECT_EQ(alike.at("mcnemar_p"), 1);
  const json& other = compared.at("against_first").at(1);
  const double before = compared.at("models").at(0).at("top1"), after = compared.at("models").at(2).at("top1");
  EXPECT_NEAR(other.at("top1_difference").get<double>(), after - before, 1e-12);
  EXPECT_THAT(test::read_text(page), HasSubstr("Where they differ"));
  const CommandResult alone = run_command({"compare", model(), "--data", data()});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.standard_error, HasSubstr("compare: needs two models or more"));
}

TEST_F(MainJob, EvalMeasures) {
  const CommandResult result = run_command({"eval", "--model", model(), "--data", data(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json measures = json::parse(result.standard_output);
  EXPECT_EQ(measures.at("images"), 24);
  for (const char* key : {"top1", "top5", "ece"}) {
    EXPECT_GE(measures.at(key).get<double>(), 0) << key;
    EXPECT_LE(measures.at(key).get<double>(), 1) << key;
  }
  EXPECT_EQ(measures.at("confusion").size(), 8u);
  const CommandResult table = run_command({"eval", "--model", model(), "--data", data()});
  EXPECT_THAT(table.standard_output, HasSubstr("Confusion"));
}

TEST_F(MainJob, PredictGivesTableJsonAndCsv) {
  const std::string folder = data() + "/validation";
  const CommandResult as_json = run_command({"predict", "--model", model(), folder, "--json", "--top", "2"});
  ASSERT_EQ(as_json.exit_code, 0) << as_json.standard_error;
  const json predictions = json::parse(as_json.standard_output).at("predictions");
  ASSERT_EQ(predictions.size(), 24u);
  ASSERT_EQ(predictions[0].at("classes").size(), 2u);
  EXPECT_GE(predictions[0]["classes"][0]["probability"].get<double>(),
            predictions[0]["classes"][1]["probability"].get<double>());
  const CommandResult as_csv = run_command({"predict", "--model", model(), folder, "--format", "csv", "--top", "1"});
  EXPECT_EQ(as_csv.standard_output.rfind("image,rank,label,class,probability,error,readable_name\n", 0), 0u);
  EXPECT_EQ(std::count(as_csv.standard_output.begin(), as_csv.standard_output.end(), '\n'), 25);
  EXPECT_EQ(run_command({"predict", "--model", model(), folder}).standard_output.rfind("image", 0), 0u);
}

TEST_F(MainJob, PredictReadsArchives) {
  const test::TemporaryFolder images;
  const auto files = test::fs::directory_iterator(data() + "/validation/" + first_class());
  const std::string file = files->path().string();
  const std::string bytes = test::read_text(file);
  test::write_tar(images / "set.tar", {{"cat/a.png", test::bytes_of(bytes)}});
  const auto predictions = [](const std::string& path) {
    const CommandResult result = run_command({"predict", "--model", model(), path, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output).at("predictions");
  };
  const json from_tar = predictions((images / "set.tar").string());
  ASSERT_EQ(from_tar.size(), 1u);
  EXPECT_EQ(from_tar[0].at("image"), (images / "set.tar").string() + " image 0");
  EXPECT_EQ(from_tar[0].at("classes"), predictions(file)[0].at("classes"));
}

TEST_F(MainJob, PredictNamesUnreadableImagesAndClassifiesTheOthers) {
  const test::TemporaryFolder images;
  std::ofstream(images / "broken.jpg") << "no image";
  test::fs::copy(*test::fs::recursive_directory_iterator(data() + "/validation/" + first_class()), images / "good.png");
  const CommandResult result = run_command({"predict", "--model", model(), images.path().string(), "--json"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr("1 of 2 images could not be read"));
  const json predictions = json::parse(result.standard_output).at("predictions");
  EXPECT_THAT(predictions[0].at("error").get<std::string>(), HasSubstr("broken.jpg"));
  EXPECT_EQ(predictions[1].at("classes").size(), 5u);
}

TEST_F(MainJob, ADivergedNetworkIsNoResult) {
  const std::string damaged = (*folder_ / "damaged.safetensors").string();
  test::write_diverged(model(), damaged);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"eval", "--data", data(), "--engine", "torch"},
        {"eval", "--data", data(), "--engine", "torch", "--retrieval"},
        {"predict", data() + "/validation", "--engine", "torch"},
        {"export", "--out", (*folder_ / "damaged.onnx").string()}}) {
    std::vector<std::string> command = arguments;
    command.insert(command.end(), {"--model", damaged, "--json"});
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.exit_code, 3) << arguments[0];
    EXPECT_THAT(result.standard_error, HasSubstr(damaged));
    EXPECT_THAT(result.standard_error, HasSubstr("1 not finite: "));
    EXPECT_EQ(result.standard_output, "") << arguments[0];
  }
  EXPECT_FALSE(test::fs::exists(*folder_ / "damaged.onnx"));
}

TEST_F(MainJob, PathsInAnyEncodingDoNotLoseTheResult) {
  auto arguments = train_arguments("caf\xe9");
  const CommandResult result = run_command(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(json::parse(result.standard_output).at("steps"), 6);
  const test::TemporaryFolder images;
  test::fs::copy(*test::fs::recursive_directory_iterator(data() + "/validation/" + first_class()),
                 images / "b\xe4r.png");
  const CommandResult predicted = run_command({"predict", "--model", model(), images.path().string(), "--json"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.standard_error;
  EXPECT_EQ(json::parse(predicted.standard_output).at("predictions").size(), 1u);
}

TEST_F(MainJob, TenCropEvaluationAveragesProbabilities) {
  const auto evaluate = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"eval", "--model", model(), "--data", data(), "--json"});
    const CommandResult result = run_command(more);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  };
  const json one = evaluate({}), ten = evaluate({"--ten-crop"});
  EXPECT_EQ(ten.at("images"), one.at("images"));
  EXPECT_NE(ten.at("loss"), one.at("loss"));
  EXPECT_NEAR(ten.at("loss").get<double>() / one.at("loss").get<double>(), 1, 0.5);
}

TEST_F(MainJob, AutoAugmentPoliciesAreNamedAndKeptInTheConfiguration) {
  auto arguments = train_arguments("augmented");
  std::replace(arguments.begin(), arguments.end(), std::string("imagenet_32a"), std::string("reid_32"));
  arguments.insert(arguments.end(), {"--random-erasing", "0.5", "--pad-to-square", "--auto-augment", "svhn"});
  const CommandResult result = run_command(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const std::string config = test::read_text(*folder_ / "augmented/config.toml");
  EXPECT_THAT(config, HasSubstr("auto-augment=\"svhn\""));
  EXPECT_THAT(config, HasSubstr("random-erasing=0.5"));
  arguments.back() = "imagenot";
  const CommandResult wrong = run_command(arguments);
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.standard_error,
              HasSubstr("expected imagenet, good, cifar10, svhn, v0, trivial-wide, rand or none"));
}

TEST_F(MainJob, OptionsWithoutEffectOnTheTypeAreErrors) {
  for (const std::vector<std::string>& extra :
       {std::vector<std::string>{"--preprocessing", "reid", "--eval-resize", "300"},
        {"--preprocessing", "imagenet_32", "--pad-to-square"}}) {
    std::vector<std::string> arguments{"train", "--data", data(), "--out", (*folder_ / "no").string()};
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.standard_error, HasSubstr("has no effect on preprocessing type"));
  }
}

TEST_F(MainJob, TfRecordsGiveTheSameMeasuresAsFolders) {
  const std::string records = (*folder_ / "records").string();
  const CommandResult built = run_command({"dataset", "build", "folder", "--raw", data(), "--out", records, "--json"});
  ASSERT_EQ(built.exit_code, 0) << built.standard_error;
  EXPECT_EQ(json::parse(built.standard_output).at("train_images"), 48);
  const CommandResult from_records = run_command({"eval", "--model", model(), "--data", records, "--json"});
  const CommandResult from_folders = run_command({"eval", "--model", model(), "--data", data(), "--json"});
  ASSERT_EQ(from_records.exit_code, 0) << from_records.standard_error;
  EXPECT_EQ(json::parse(from_records.standard_output).at("confusion"),
            json::parse(from_folders.standard_output).at("confusion"));
}

TEST_F(MainJob, InspectCountsAndFindsUnreadableImages) {
  const CommandResult result = run_command({"dataset", "inspect", data(), "--decode", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json summary = json::parse(result.standard_output);
  EXPECT_EQ(summary.at("train_images"), 48);
  EXPECT_EQ(summary.at("classes").size(), 8u);
  EXPECT_EQ(summary.at("classes")[0].at("validation_images"), 3);
  EXPECT_TRUE(summary.at("broken").empty());
  EXPECT_EQ(summary.at("train_sides"), json::array({32, 32}));
}

TEST_F(MainJob, EvalRefusesADataSetOfOtherClasses) {
  const test::TemporaryFolder other;
  for (const char* name : {"validation/one", "validation/two"}) {
    test::fs::create_directories(other / name);
    test::fs::copy(*test::fs::recursive_directory_iterator(data() + "/validation/" + first_class()),
                   other / name / "a.png");
  }
  const CommandResult result = run_command({"eval", "--model", model(), "--data", other.path().string()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr("has 2 classes 'one', 'two', the model"));
}

TEST_F(MainJob, AnEmptyFolderIsNoDataSet) {
  const test::TemporaryFolder empty;
  const CommandResult result =
      run_command({"train", "--data", empty.path().string(), "--out", (*folder_ / "e").string()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr(empty.path().string()));
  EXPECT_FALSE(test::fs::exists(*folder_ / "e"));
}

TEST_F(MainJob, AWrongArchNamesTheNearest) {
  const CommandResult result =
      run_command({"train", "--data", data(), "--out", (*folder_ / "a").string(), "--arch", "resnet51"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("resnet50"));
  EXPECT_FALSE(test::fs::exists(*folder_ / "a")) << "nothing may be left behind";
}

TEST_F(MainJob, AFileThatIsNoModelIsAnError) {
  const std::string text = (*folder_ / "text").string();
  std::ofstream(text) << "not a model";
  const CommandResult result = run_command({"eval", "--model", text, "--data", data()});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr(text));
}

TEST_F(MainJob, AnUnwritableOutputIsAnError) {
  const std::string file = (*folder_ / "file").string();
  std::ofstream(file) << "x";
  auto arguments = train_arguments("unused");
  arguments[4] = file + "/run";
  const CommandResult result = run_command(arguments);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.standard_error, HasSubstr(file));
}

TEST_F(MainJob, BigLittleNetworksNeedSidesOf32) {
  const CommandResult result = run_command({"train", "--data", data(), "--out", (*folder_ / "sides").string(), "--arch",
                                            "resnet50+bl+w8", "--preprocessing", "imagenet_40"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.standard_error, HasSubstr("the nearest are 32 and 64"));
}

TEST_F(MainJob, ModelInfoCountsParametersAndMultiplyAdds) {
  const CommandResult result =
      run_command({"model", "info", "resnet50", "--classes", "1001", "--image-size", "224", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json info = json::parse(result.standard_output);
  EXPECT_EQ(info.at("arch"), "resnet50");
  EXPECT_EQ(info.at("parameters"), 25559081);
  EXPECT_NEAR(info.at("multiply_adds").get<double>(), 4.089e9, 5e5);
  EXPECT_EQ(info.at("image_size"), 224);
}

}  // namespace
}  // namespace assemble
