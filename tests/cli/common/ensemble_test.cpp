// SPDX-License-Identifier: Apache-2.0
// predict, eval and compare by several models and views.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "drawn_data.h"
#include "engines.h"
#include "small_network.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;

class EnsembleCommands : public testing::Test {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    save("a", {.classes = 8, .deviation = 60, .seed = 1});
    save("b", {.classes = 8, .side = 48, .deviation = 60, .seed = 2});
  }
  void save(const std::string& name, const test::SmallNetworkOptions& options,
            const std::function<void(ModelCard&)>& change = {}) const {
    test::SmallNetwork network(options);
    ModelCard card = network.card();
    card.class_names = open_dataset(data(), Split::kValidation)->class_names();
    if (change) change(card);
    network.save(file(name), card);
  }
  std::string file(const std::string& name) const { return (folder_ / (name + ".safetensors")).string(); }
  static std::string data() { return test::drawn_data().string(); }

  static json succeed(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.exit_code == 0 ? json::parse(result.standard_output) : json();
  }
  /// Probabilities by image and label.
  static std::map<std::string, std::map<int, double>> predicted(const std::vector<std::string>& options) {
    std::vector<std::string> arguments{"predict", data() + "/validation", "--top", "8"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    std::map<std::string, std::map<int, double>> found;
    const json answer = succeed(arguments);
    for (const json& image : answer.at("predictions")) {
      for (const json& c : image.at("classes")) found[image.at("image")][c.at("label")] = c.at("probability");
    }
    return found;
  }

  test::TemporaryFolder folder_;
};

TEST_F(EnsembleCommands, PredictAndEvalAverageModelsByTheirWeights) {
  const auto a = predicted({"--model", file("a")}), b = predicted({"--model", file("b")});
  const auto both = predicted({"--model", file("b"), "--model", file("a"), "--ensemble-weights", "1,3"});
  ASSERT_EQ(both.size(), 24u);
  double difference = 0, apart = 0;
  for (const auto& [image, probabilities] : both) {
    for (const auto& [label, probability] : probabilities) {
      const double mean = 0.75 * a.at(image).at(label) + 0.25 * b.at(image).at(label);
      difference = std::max(difference, std::abs(probability - mean));
      apart = std::max(apart, std::abs(a.at(image).at(label) - b.at(image).at(label)));
    }
  }
  std::printf("largest difference %.2g, of models that are up to %.2g apart\n", difference, apart);
  EXPECT_LT(difference, 2e-6);
  EXPECT_GT(apart, 1e-2);
  const json measured = succeed({"eval", "--model", file("a"), "--model", file("b"), "--data", data()});
  const json turned = succeed({"eval", "--model", file("b"), "--model", file("a"), "--data", data()});
  EXPECT_EQ(measured.at("images"), 24);
  EXPECT_EQ(measured.at("top1"), turned.at("top1"));
  EXPECT_NEAR(measured.at("loss").get<double>(), turned.at("loss").get<double>(), 1e-6);
  EXPECT_EQ(measured.at("averaged").at("models").at(0), (json{{"file", file("a")}, {"weight", 0.5}}));
  EXPECT_EQ(measured.at("averaged").at("views"), "none");
  const double loss = measured.at("loss"), of_a = succeed({"eval", "--model", file("a"), "--data", data()}).at("loss"),
               of_b = succeed({"eval", "--model", file("b"), "--data", data()}).at("loss");
  EXPECT_LE(loss, (of_a + of_b) / 2) << "the logarithm is concave";
}

TEST_F(EnsembleCommands, ViewsAreAveragedAndNamed) {
  const json none = succeed({"eval", "--model", file("a"), "--data", data()});
  EXPECT_FALSE(none.contains("averaged"));
  const json mirror = succeed({"eval", "--model", file("a"), "--data", data(), "--tta", "mirror"});
  EXPECT_EQ(mirror.at("averaged").at("views_per_image"), 2);
  EXPECT_NE(mirror.at("loss"), none.at("loss"));
  const json ten = succeed({"eval", "--model", file("a"), "--data", data(), "--tta", "ten-crop"});
  EXPECT_EQ(ten.at("loss"), succeed({"eval", "--model", file("a"), "--data", data(), "--ten-crop"}).at("loss"));
  const CommandResult text =
      run_command({"predict", "--model", file("a"), "--tta", "scales", data() + "/validation", "--quiet"});
  EXPECT_THAT(text.standard_output, HasSubstr("Probabilities are means over 6 views of every image (scales)."));
  const CommandResult csv =
      run_command({"predict", "--model", file("a"), "--tta", "mirror", data() + "/validation", "--format", "csv"});
  EXPECT_THAT(csv.standard_error, HasSubstr("2 views of every image (mirror)"));
  const json compared = succeed({"compare", file("a"), file("b"), "--data", data(), "--tta", "mirror"});
  EXPECT_EQ(compared.at("views"), "mirror");
  EXPECT_EQ(compared.at("models").at(0).at("loss"), mirror.at("loss"));
}

TEST_F(EnsembleCommands, ABrokenImageIsLeftOutAndNamed) {
  const fs::path photos = folder_ / "photos";
  fs::copy(data(), photos, fs::copy_options::recursive);
  const std::string broken = (fs::directory_iterator(photos / "validation")->path() / "broken.png").string();
  write_file(broken, std::string_view("no image"));
  const json measured = succeed({"eval", "--model", file("a"), "--model", file("b"), "--data", photos.string()});
  EXPECT_EQ(measured.at("images"), 24);
  const CommandResult predicted =
      run_command({"predict", "--model", file("a"), "--model", file("b"), (photos / "validation").string(), "--json"});
  EXPECT_EQ(predicted.exit_code, 3);
  size_t errors = 0;
  const json answer = json::parse(predicted.standard_output);
  for (const json& image : answer.at("predictions")) {
    EXPECT_EQ(image.contains("error"), image.at("image") == broken);
    errors += image.contains("error") ? 1 : 0;
  }
  EXPECT_EQ(errors, 1u);
}

TEST_F(EnsembleCommands, RefusesWhatCannotBeAveraged) {
  save("swapped", {.classes = 8, .deviation = 60},
       [](ModelCard& card) { std::swap(card.class_names[2], card.class_names[5]); });
  save("sigmoid", {.classes = 8, .deviation = 60}, [](ModelCard& card) { card.loss = LossType::kSigmoid; });
  const auto fail = [&](const std::string& other, int code, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"eval", "--model", file("a"), "--model", other, "--data", data()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = run_command(arguments);
    EXPECT_EQ(result.exit_code, code) << result.standard_error;
    return result.standard_error;
  };
  EXPECT_THAT(fail(file("swapped"), 3),
              AllOf(HasSubstr("swapped.safetensors: its class 2 is"), HasSubstr("in " + file("a"))));
  EXPECT_THAT(fail(file("sigmoid"), 2), HasSubstr("sigmoid"));
  EXPECT_THAT(fail(file("none"), 3), HasSubstr("none.safetensors"));
  EXPECT_THAT(fail(file("b"), 2, {"--ensemble-weights", "1"}), HasSubstr("1 weights for 2 models"));
  EXPECT_THAT(fail(file("b"), 2, {"--ensemble-weights", "1,-1"}), HasSubstr("--ensemble-weights"));
  EXPECT_THAT(fail(file("b"), 2, {"--retrieval"}), HasSubstr("give one --model"));
  EXPECT_THAT(fail(file("b"), 2, {"--tta", "miror"}), HasSubstr("mirror"));
  EXPECT_THAT(fail(file("b"), 2, {"--tta", "mirror", "--ten-crop"}), HasSubstr("--tta"));
}

}  // namespace
}  // namespace assemble
