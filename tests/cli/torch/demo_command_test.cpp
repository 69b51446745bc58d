// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/text.h"
#include "assemble/data/draw.h"
#include "assemble/image/corruptions.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::run_command;
using testing::HasSubstr;
using testing::Not;

/// The cells of the report's row that begins with `figure`.
std::string row(const std::string& figure, const std::string& vanilla, const std::string& assembled) {
  return "<tr><td>" + figure + "</td><td>" + vanilla + "</td><td>" + assembled + "</td></tr>";
}

TEST(Demo, ReplacesNothingThatNoDemoMade) {
  const test::TemporaryFolder folder;
  for (const std::string name : {"data/photo.png", "vanilla/best.safetensors", "assembled/notes.txt", "report.html"}) {
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
      run_command({"demo", "--out", (folder / "demo").string(), "--epochs", "2", "--train-per-class", "8", "--width",
                   "8", "--corrupted-images", "4", "--sequences", "1", "--json", "--quiet"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  const json output = json::parse(result.standard_output);
  ASSERT_EQ(output.at("networks").size(), 2u);
  const json &vanilla = output["networks"][0], &assembled = output["networks"][1];
  EXPECT_EQ(vanilla.at("name"), "vanilla");
  EXPECT_EQ(vanilla.at("arch"), "resnet50+w8");
  EXPECT_EQ(assembled.at("arch"), "resnet50+bl+sk+aa3+w8");
  EXPECT_DOUBLE_EQ(vanilla.at("mce").get<double>(), 100);
  for (const json& network : output["networks"]) {
    const json& errors = network.at("corruption_errors");
    ASSERT_EQ(errors.size(), static_cast<size_t>(kOfficialCorruptions));
    double sum = 0;
    for (const json& error : errors) sum += error.get<double>();
    EXPECT_NEAR(network.at("corruption_error").get<double>(), sum / kOfficialCorruptions, 1e-9);
    EXPECT_GE(network.at("flip_probability").get<double>(), 0);
    EXPECT_GT(network.at("inference_images_per_second").get<double>(), 0);
    EXPECT_TRUE(network.contains("mfr"));
    EXPECT_TRUE(test::fs::exists(network.at("onnx").get<std::string>()));
  }

  EXPECT_EQ(output.at("report"), (folder / "demo/report.html").string());
  EXPECT_TRUE(test::fs::exists(folder / "demo/demo.json"));
  const test::CommandResult other = run_command({"demo", "--out", (folder / "demo").string(), "--epochs", "1"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.standard_error, HasSubstr("is of a demo with epochs 2, not 1"));
  EXPECT_TRUE(test::fs::exists(assembled.at("model").get<std::string>())) << "the earlier one is still there";
  const std::string html = test::read_text(folder / "demo/report.html");
  for (const char* elsewhere : {"http:", "https:", "src=\"/", "<script", "<link", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(elsewhere)));
  }
  const auto both = [&](const char* key, double factor, int decimals) {
    return std::pair(format_number(factor * vanilla.at(key).get<double>(), decimals),
                     format_number(factor * assembled.at(key).get<double>(), decimals));
  };
  EXPECT_THAT(html, HasSubstr("<tr><th></th><th>vanilla</th><th>assembled</th></tr>"));
  for (const auto& [figure, key, factor, decimals] : std::vector<std::tuple<std::string, const char*, double, int>>{
           {"parameters, M", "parameters", 1e-6, 2},
           {"multiply-adds, M", "multiply_adds", 1e-6, 0},
           {"top-1 %", "top1", 100, 2},
           {"top-5 %", "top5", 100, 2},
           {"ECE", "ece", 1, 4},
           {"error under corruptions %", "corruption_error", 100, 2},
           {"mCE (vanilla = 100)", "mce", 1, 2},
           {"flips in sequences %", "flip_probability", 100, 2},
           {"training, images/s", "images_per_second", 1, 0},
           {"inference, images/s", "inference_images_per_second", 1, 0}}) {
    const auto [first, second] = both(key, factor, decimals);
    EXPECT_THAT(html, HasSubstr(row(figure, first, second))) << figure;
  }
  for (const std::string& name : drawn_classes()) EXPECT_THAT(html, HasSubstr("alt=\"" + name + "\""));
  EXPECT_THAT(html, HasSubstr("alt=\"jpeg_compression\""));

  // The figures are those of the model that is named.
  const test::CommandResult evaluated = run_command(
      {"eval", "--model", assembled.at("model"), "--data", (folder / "demo/data").string(), "--json", "--quiet"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.standard_error;
  EXPECT_NEAR(json::parse(evaluated.standard_output).at("top1").get<double>(), assembled.at("top1").get<double>(),
              1.0 / 320 + 1e-9);
}

}  // namespace
}  // namespace assemble
