// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/checksum.h"
#include "assemble/deploy/engine.h"
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
using testing::IsEmpty;

class PackageCommand : public testing::Test {
 protected:
  PackageCommand() {
    test::SmallNetwork network({.classes = 8, .deviation = 60});
    ModelCard card = network.card();
    card.class_names = open_dataset(data(), Split::kValidation)->class_names();
    card.training["epoch"] = "7";
    network.save(model(), card);
  }
  static std::string data() { return test::drawn_data().string(); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string model() const { return path("model.safetensors"); }
  std::string text(const std::string& name) const { return test::read_text(folder_ / name); }

  CommandResult pack(const std::string& out, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"export", "--model", model(), "--out", out, "--package", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments);
  }
  json succeed(const std::string& out, const std::vector<std::string>& more = {}) const {
    const CommandResult result = pack(out, more);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return result.exit_code == 0 ? json::parse(result.standard_output) : json();
  }
  std::string fail(const std::string& out, int exit_code, const std::vector<std::string>& more = {}) const {
    const CommandResult result = pack(out, more);
    EXPECT_EQ(result.exit_code, exit_code) << result.standard_error;
    return result.standard_error;
  }

  test::TemporaryFolder folder_;
};

TEST_F(PackageCommand, WritesAFolderWhoseNetworkAnswersAsTheModel) {
  const json result = succeed(path("ship/flowers/"), {"--data-licence", "CC BY 4.0", "--model-version", "4"});
  EXPECT_EQ(result.at("package"),
            (json{{"name", "flowers"}, {"version", 4}, {"model", "models/flowers/4/model.onnx"}}));
  EXPECT_THAT(text("ship/flowers/README.md"),
              AllOf(HasSubstr("CC BY 4.0"), HasSubstr("| epoch | 7 |"), HasSubstr("`small`"),
                    HasSubstr(sha256(model())), HasSubstr(sha256(path("ship/flowers/models/flowers/4/model.onnx")))));
  EXPECT_EQ(test::list_files(folder_ / "ship"), std::vector<std::string>{"flowers"});
  const std::string packed = path("ship/flowers/models/flowers/4/model.onnx");
  EXPECT_EQ(card_of_onnx(packed).class_names, open_dataset(data(), Split::kValidation)->class_names());
  ASSEMBLE_NEEDS_OPENVINO();
  const auto best = [&](const std::string& file) {
    return json::parse(run_command({"predict", "--model", file, data() + "/validation", "--json"}).standard_output);
  };
  const json expected = best(model()), found = best(packed);
  for (size_t i = 0; i < 24; ++i) {
    EXPECT_EQ(found.at("predictions").at(i).at("classes").at(0).at("class"),
              expected.at("predictions").at(i).at("classes").at(0).at("class"));
  }
}

TEST_F(PackageCommand, MeasuresThePackedNetworkOrTakesFigures) {
  ASSEMBLE_NEEDS_OPENVINO();
  const json measured = succeed(path("a"), {"--data", data()});
  const CommandResult evaluated = run_command({"eval", "--model", model(), "--data", data(), "--json"});
  const json figures = json::parse(evaluated.standard_output);
  EXPECT_EQ(measured.at("package").at("top1"), figures.at("top1"));
  EXPECT_THAT(text("a/README.md"), HasSubstr("On 24 images (the validation images of drawn)"));
  write_file(path("eval.json"), evaluated.standard_output);
  succeed(path("b"), {"--figures", path("eval.json")});
  EXPECT_THAT(text("b/README.md"), HasSubstr("On 24 images (eval.json)"));
  const json int8 = succeed(path("c"), {"--int8", "--calibration", data() + "/train", "--data", data()});
  EXPECT_NEAR(100 * int8.at("package").at("top1").get<double>(), int8.at("top1_int8").get<double>(), 1e-9);
  EXPECT_THAT(text("c/README.md"), AllOf(HasSubstr("8 bits, top-1 was"), HasSubstr("measured on 48 images")));
}

TEST_F(PackageCommand, BytesAndEmbeddingsAreServedToo) {
  succeed(path("bytes"), {"--preprocess", "--embedding", "--name", "other-name"});
  EXPECT_THAT(text("bytes/models/other-name/config.pbtxt"),
              AllOf(HasSubstr("TYPE_UINT8"), HasSubstr("dims: [ 32, 32, 3 ]"), HasSubstr("name: \"embedding\"")));
  EXPECT_THAT(text("bytes/README.md"), HasSubstr("mean (123.68, 116.78, 103.94)"));
}

TEST_F(PackageCommand, RefusesWhatCannotWorkAndLeavesNothing) {
  fs::create_directory(path("full"));
  write_file(path("full/mine"), std::string_view("mine"));
  write_file(path("text.json"), std::string_view("{"));
  write_file(path("other.json"), std::string_view("{\"top1\": 0.5}"));
  EXPECT_THAT(fail(path("full"), 2), HasSubstr("holds something already"));
  EXPECT_THAT(fail(path("full/mine"), 2), HasSubstr("is a file"));
  EXPECT_THAT(fail(path("m.onnx"), 2), HasSubstr("is to be a folder"));
  EXPECT_THAT(fail(path("p"), 2, {"--name", "a/b"}), AllOf(HasSubstr("--name"), HasSubstr("for example b")));
  EXPECT_THAT(fail(path("p"), 2, {"--model-version", "0"}), HasSubstr("--model-version"));
  EXPECT_THAT(fail(path("p"), 2, {"--figures", path("text.json"), "--data", data()}), HasSubstr("--figures"));
  EXPECT_THAT(fail(path("p"), 3, {"--figures", path("text.json")}), HasSubstr("is no JSON"));
  EXPECT_THAT(fail(path("p"), 3, {"--figures", path("other.json")}), HasSubstr("no number 'images'"));
  EXPECT_THAT(fail(path("p"), 3, {"--figures", path("none.json")}), HasSubstr("none.json"));
  EXPECT_THAT(fail(path("p"), 3, {"--data", path("nowhere")}), HasSubstr("nowhere"));
  EXPECT_EQ(test::list_files(folder_.path()),
            (std::vector<std::string>{"full", "model.safetensors", "other.json", "text.json"}));
  EXPECT_EQ(test::list_files(path("full")), std::vector<std::string>{"mine"});
  const CommandResult alone = run_command({"export", "--model", model(), "--out", path("m.onnx"), "--data", data()});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_THAT(alone.standard_error, HasSubstr("--package"));
}

}  // namespace
}  // namespace assemble
