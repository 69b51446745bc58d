// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/data/draw.h"
#include "assemble/image/corruptions.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::run_command;
using testing::HasSubstr;
using testing::Not;

TEST(Demo, ReplacesNothingThatNoDemoMade) {
  const test::TemporaryFolder folder;
  for (const std::string name :
       {"data/photo.png", "vanilla/best.safetensors", "selective-kernels/notes.txt", "report.html"}) {
    const fs::path out = folder / fs::path(name).stem().string();
    fs::create_directories((out / name).parent_path());
    test::write_bytes(out / name, std::vector<uint8_t>{1, 2, 3});
    const test::CommandResult result = run_command({"demo", "--out", out.string(), "--epochs", "1"});
    EXPECT_EQ(result.exit_code, 2) << name;
    EXPECT_THAT(result.standard_error, HasSubstr("no demo.json that says how it was made"));
    EXPECT_EQ(test::read_text(out / name), "\1\2\3");
    EXPECT_EQ(test::list_files(out).size(), 1u);
  }
  const test::CommandResult closed = run_command({"demo", "--out", "/proc/demo", "--epochs", "1"});
  EXPECT_EQ(closed.exit_code, 4) << closed.standard_error;
}

TEST(Demo, MeasuresExportsAndReports) {
  const test::TemporaryFolder folder;
  const test::CommandResult result =
      run_command({"demo", "--out", (folder / "demo").string(), "--epochs", "1", "--train-per-class", "8", "--width",
                   "8", "--corrupted-images", "4", "--sequences", "2", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json output = json::parse(result.standard_output);
  const json& networks = output.at("networks");
  ASSERT_GE(networks.size(), 5u);
  const json &first = networks.front(), &last = networks.back();
  EXPECT_EQ(first.at("name"), "vanilla");
  EXPECT_EQ(first.at("arch"), "resnet50+w8");
  EXPECT_TRUE(first.at("changes").empty());
  EXPECT_DOUBLE_EQ(first.at("mce").get<double>(), 100);
  for (const json& network : networks) {
    const json& errors = network.at("corruption_errors");
    ASSERT_EQ(errors.size(), static_cast<size_t>(kOfficialCorruptions));
    double sum = 0;
    for (const json& error : errors) sum += error.get<double>();
    EXPECT_NEAR(network.at("corruption_error").get<double>(), sum / kOfficialCorruptions, 1e-9);
    EXPECT_GE(network.at("flip_probability").get<double>(), 0);
    EXPECT_GT(network.at("inference_images_per_second").get<double>(), 0);
    EXPECT_TRUE(network.contains("mfr"));
    EXPECT_TRUE(test::fs::exists(network.at("onnx").get<std::string>()));
    EXPECT_EQ(network.at("changes").empty(), network == first) << network.at("name");
    // What is measured has a standard error, what is counted has none.
    const json& measures = network.at("measures");
    for (const char* key : {"top1", "ece", "corruption_error", "mce_15", "flip_probability"}) {
      EXPECT_GE(measures.at(key).at("standard_error").get<double>(), 0) << key;
    }
    for (const char* key : {"seconds", "parameters"}) {
      EXPECT_TRUE(measures.at(key).at("standard_error").is_null()) << key;
    }
    EXPECT_NEAR(measures.at("top1").at("mean").get<double>(), 100 * network.at("top1").get<double>(), 1e-9);
    EXPECT_NEAR(measures.at("mce_15").at("mean").get<double>(), network.at("mce").get<double>(), 1e-9);
  }
  EXPECT_NEAR(output.at("last_against_first").at("top1").at("mean").get<double>(),
              100 * (last.at("top1").get<double>() - first.at("top1").get<double>()), 1e-9);

  EXPECT_EQ(output.at("report"), (folder / "demo/report.html").string());
  EXPECT_TRUE(test::fs::exists(folder / "demo/demo.json"));
  const test::CommandResult other = run_command({"demo", "--out", (folder / "demo").string(), "--epochs", "2"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("is of a demo with epochs 1, not 2"));
  EXPECT_TRUE(test::fs::exists(last.at("model").get<std::string>())) << "the earlier one is still there";
  const std::string html = test::read_text(folder / "demo/report.html");
  for (const char* elsewhere : {"http:", "https:", "src=\"/", "<script", "<link", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(elsewhere)));
  }
  for (const json& network : networks) EXPECT_THAT(html, HasSubstr("<td>" + network.at("name").get<std::string>()));
  for (const char* figure : {"top-1 %", "ECE", "mCE-15", "mFR", "training, s", "inference, images/s"}) {
    EXPECT_THAT(html, HasSubstr(figure));
  }
  for (const std::string& name : drawn_classes()) EXPECT_THAT(html, HasSubstr("alt=\"" + name + "\""));
  EXPECT_THAT(html, HasSubstr("alt=\"jpeg_compression\""));

  // --epochs are the first network's; the others keep their proportion to it.
  const auto epochs_of = [](const json& network) {
    const std::string config =
        test::read_text(test::fs::path(network.at("model").get<std::string>()).parent_path() / "config.toml");
    const size_t key = config.find("\nepochs=");
    return std::stoi(config.substr(key + std::string_view("\nepochs=").size()));
  };
  EXPECT_EQ(epochs_of(first), 1);
  EXPECT_EQ(epochs_of(last), 2);
  EXPECT_THAT(html, HasSubstr("for 1 to 2 epochs"));

  // The figures are those of the model that is named.
  const test::CommandResult evaluated = run_command(
      {"eval", "--model", last.at("model"), "--data", (folder / "demo/data").string(), "--json", "--quiet"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.standard_error;
  EXPECT_NEAR(json::parse(evaluated.standard_output).at("top1").get<double>(), last.at("top1").get<double>(),
              1.0 / 320 + 1e-9);
}

/// The ladder that the demo climbs, and the paper's in small, are ones that `ablate` takes.
TEST(Demo, LaddersAreFilesForAblate) {
  const test::TemporaryFolder folder;
  const test::CommandResult drawn = run_command({"dataset", "draw", "--out", (folder / "data").string(),
                                                 "--train-per-class", "2", "--validation-per-class", "2"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.standard_error;
  // A rank that has no run to make checks the ladder, and ends.
  for (const std::string name : {"demo", "mobilenet", "paper"}) {
    const test::CommandResult checked =
        run_command({"ablate", ASSEMBLE_SOURCE_DIR "/ladders/" + name + ".toml", "--data", (folder / "data").string(),
                     "--out", (folder / name).string(), "--rank", "999", "--world", "1000"});
    EXPECT_EQ(checked.exit_code, 0) << name << ": " << checked.standard_error;
  }
}

}  // namespace
}  // namespace assemble
