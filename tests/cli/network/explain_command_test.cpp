// SPDX-License-Identifier: Apache-2.0
// explain, and what predict and eval show of it.
#include <gmock/gmock.h>

#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "../../image/sample_images.h"
#include "assemble/image/decode.h"
#include "assemble/image/encode.h"
#include "assemble/io/onnx_writer.h"
#include "engines.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::json;
using test::CommandResult;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class ExplainCommand : public testing::Test {
 protected:
  void SetUp() override {
    ASSEMBLE_NEEDS_OPENVINO();
    test::SmallNetwork network({.classes = 4, .deviation = 64});
    ModelCard card = network.card();
    card.class_names = {"rose", "3", "n01440764", "1"};
    network.save(in("model.safetensors"), card);
    fs::create_directories(in("photos/below"));
    for (int i = 0; i < 3; ++i) {
      const Bytes image = encode_jpeg(test::wavy_image(60 + 20 * i, 90, static_cast<uint64_t>(i)), 90);
      test::write_bytes(in(concat("photos/", i == 2 ? "below/" : "", "a", i, ".jpg")), image);
    }
  }
  std::string in(const std::string& name) const { return (folder_ / name).string(); }
  CommandResult explain(std::vector<std::string> more) const {
    more.insert(more.begin(), {"explain", "--model", in("model.safetensors")});
    return run_command(more);
  }
  static json parse(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return json::parse(result.standard_output);
  }

  test::TemporaryFolder folder_;
};

TEST_F(ExplainCommand, NamesThePlaceForTheClassThatPredictNames) {
  const json explained = parse(explain({in("photos"), "--json"}));
  const json predicted =
      parse(run_command({"predict", "--model", in("model.safetensors"), in("photos"), "--top", "1", "--json"}));
  ASSERT_EQ(explained.at("explanations").size(), 3u);
  EXPECT_EQ(explained.at("method"), "Grad-CAM");
  for (size_t i = 0; i < 3; ++i) {
    const json& one = explained.at("explanations").at(i);
    const json& best = predicted.at("predictions").at(i).at("classes").at(0);
    EXPECT_EQ(one.at("image"), predicted.at("predictions").at(i).at("image"));
    EXPECT_EQ(one.at("predicted").at("class"), best.at("class"));
    EXPECT_NEAR(one.at("predicted").at("probability").get<double>(), best.at("probability").get<double>(), 1e-4);
    EXPECT_EQ(one.at("explained"), one.at("predicted"));
    ASSERT_EQ(one.at("map").size(), 4u);
    for (const json& row : one.at("map")) EXPECT_EQ(row.size(), 4u);
    EXPECT_EQ(one.at("image_size").at("width"), 90);
    EXPECT_EQ(one.at("selective_kernels").at(0).at("block"), "layer1.conv2");
    EXPECT_FALSE(one.contains("overlay"));
    const json& seen = one.at("seen");
    if (one.at("peak").is_null()) continue;
    const double x = one.at("peak").at("x"), left = seen.at("x"), width = seen.at("width");
    EXPECT_GT(x, left);
    EXPECT_LT(x, left + width);
  }
  const CommandResult table = explain({in("photos/a0.jpg"), "--quiet"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.standard_output, AllOf(HasSubstr("strongest at x, y"), HasSubstr("first half")));
}

TEST_F(ExplainCommand, LooksForAClassByNameByWhatPeopleCallItOrByNumber) {
  const auto label = [&](const std::string& word) {
    return parse(explain({in("photos/a0.jpg"), "--class", word, "--json"}))
        .at("explanations")
        .at(0)
        .at("explained")
        .at("label")
        .get<int>();
  };
  EXPECT_EQ(label("rose"), 0);
  EXPECT_EQ(label("n01440764"), 2);
  EXPECT_EQ(label("tench"), 2);
  EXPECT_EQ(label("0"), 0);
  EXPECT_EQ(label("3"), 1) << "names come before numbers";
  EXPECT_EQ(label("1"), 3);
  const CommandResult near = explain({in("photos"), "--class", "rosee"});
  EXPECT_EQ(near.exit_code, 2);
  EXPECT_THAT(near.standard_error, AllOf(HasSubstr("--class"), HasSubstr("4 classes"), HasSubstr("rose, 3, tench, 1"),
                                         HasSubstr("did you mean rose?")));
  EXPECT_THAT(explain({in("photos"), "--class", "4"}).standard_error, HasSubstr("a number from 0 to 3"));
  EXPECT_EQ(explain({in("photos"), "--class", "-1"}).exit_code, 2);
}

TEST_F(ExplainCommand, WritesOverlaysAndAPage) {
  fs::copy_file(in("photos/a1.jpg"), in("photos/a1.jpeg"));  // of the same name but for its ending
  const json result = parse(explain({in("photos"), "--out", in("new/out"), "--class", "rose", "--json"}));
  EXPECT_EQ(result.at("report"), in("new/out/report.html"));
  std::set<std::string> overlays;
  for (const json& one : result.at("explanations")) {
    const std::string overlay = one.at("overlay");
    overlays.insert(overlay);
    const Image image = decode_image(read_file(overlay), overlay);
    EXPECT_EQ(image.width, 90);
    EXPECT_EQ(image.height, one.at("image_size").at("height"));
  }
  EXPECT_EQ(overlays, (std::set{in("new/out/overlays/a0.jpg"), in("new/out/overlays/a1.jpg"),
                                in("new/out/overlays/a1_2.jpg"), in("new/out/overlays/below/a2.jpg")}));
  const std::string page = test::read_text(in("new/out/report.html"));
  EXPECT_THAT(page, AllOf(HasSubstr("Where model.safetensors looks"), HasSubstr("'rose'"),
                          HasSubstr("data:image/jpeg;base64,"), HasSubstr("<h2>Selective kernels</h2>")));
  EXPECT_THAT(page, Not(HasSubstr("http")));
}

TEST_F(ExplainCommand, ExplainsTheGoodOnesAmongBrokenImages) {
  write_file(in("photos/a1.jpg"), std::string_view("\xFF\xD8\xFF no image"));
  const CommandResult result = explain({in("photos"), "--out", in("out"), "--json"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.standard_error, HasSubstr("1 of 3 images could not be read or explained"));
  const json all = json::parse(result.standard_output).at("explanations");
  EXPECT_THAT(all.at(1).at("error").get<std::string>(), HasSubstr("a1.jpg"));
  EXPECT_FALSE(all.at(1).contains("overlay"));
  EXPECT_TRUE(fs::exists(all.at(0).at("overlay").get<std::string>()));
  EXPECT_TRUE(fs::exists(all.at(2).at("overlay").get<std::string>()));
  EXPECT_FALSE(fs::exists(in("out/overlays/a1.jpg")));
}

TEST_F(ExplainCommand, ExplainsExportedModelsAlike) {
  ASSERT_EQ(run_command({"export", "--model", in("model.safetensors"), "--out", in("model.onnx"), "--quiet"}).exit_code,
            0);
  const json wanted = parse(explain({in("photos"), "--json"})).at("explanations");
  const json found =
      parse(run_command({"explain", "--model", in("model.onnx"), in("photos"), "--json"})).at("explanations");
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(found.at(i).at("explained").at("class"), wanted.at(i).at("explained").at("class"));
    EXPECT_EQ(found.at(i).at("peak"), wanted.at(i).at("peak"));
  }
}

/// A network of another program that keeps of each channel the strongest place.
void write_max_network(const fs::path& file) {
  OnnxModel model;
  model.name = "strongest";
  model.inputs.push_back({"x", OnnxType::kFloat, {-1, 3, 32, 32}});
  model.nodes.push_back({"GlobalMaxPool", "strongest", {"x"}, {"strongest"}, {}});
  model.nodes.push_back({"Flatten", "flat", {"strongest"}, {"flat"}, {}});
  const std::vector<float> weights{1, 2, 3, -4, -1, -2, -3, 4, 2, -2, 1, 1};
  Bytes bytes(weights.size() * sizeof(float));
  std::memcpy(bytes.data(), weights.data(), bytes.size());
  model.constants.push_back({"w", OnnxType::kFloat, {3, 4}, bytes});
  model.nodes.push_back({"MatMul", "y", {"flat", "w"}, {"y"}, {}});
  model.outputs.push_back({"y", OnnxType::kFloat, {-1, 4}});
  write_file(file, std::string_view(serialise(model)));
  write_file(fs::path(file).replace_filename("classes.txt"), std::string_view("rose\n3\nn01440764\n1\n"));
  write_file(fs::path(file).replace_extension(".toml"),
             std::string_view("value-range = [0, 1]\nmean = [0, 0, 0]\ndeviation = [1, 1, 1]\ncrop = \"squash\"\n"
                              "interpolation = \"bilinear\"\nantialias = true\noutput = \"logits\"\n"
                              "classes = \"classes.txt\"\n"));
}

TEST_F(ExplainCommand, RefusesWhatItCannotDo) {
  write_max_network(in("strongest.onnx"));
  for (const auto& arguments :
       {std::vector<std::string>{"explain", "--model", in("strongest.onnx"), in("photos")},
        {"predict", "--model", in("strongest.onnx"), in("photos"), "--explain", in("overlays")}}) {
    const CommandResult strongest = run_command(arguments);
    EXPECT_EQ(strongest.exit_code, 3);
    EXPECT_THAT(strongest.standard_error, AllOf(HasSubstr("strongest.onnx"), HasSubstr("pooled or flattened")));
    EXPECT_FALSE(fs::exists(in("overlays")));
  }
  EXPECT_EQ(explain({in("photos"), "--out", in("photos")}).exit_code, 2);
  EXPECT_EQ(explain({in("nothing.jpg")}).exit_code, 3);
  EXPECT_EQ(explain({}).exit_code, 2);
  EXPECT_EQ(run_command({"explain", in("photos")}).exit_code, 2);
}

TEST_F(ExplainCommand, PredictWritesOverlaysBesideItsAnswers) {
  write_file(in("photos/a1.jpg"), std::string_view("no image"));
  const CommandResult result =
      run_command({"predict", "--model", in("model.safetensors"), in("photos"), "--explain", in("overlays"), "--json"});
  EXPECT_EQ(result.exit_code, 3) << "one is broken";
  const json all = json::parse(result.standard_output).at("predictions");
  EXPECT_EQ(all.at(0).at("overlay"), in("overlays/a0.jpg"));
  EXPECT_FALSE(all.at(1).contains("overlay"));
  EXPECT_EQ(all.at(2).at("overlay"), in("overlays/below/a2.jpg"));
  parse(explain({in("photos/a0.jpg"), "--out", in("same"), "--json"}));
  EXPECT_EQ(read_file(in("overlays/a0.jpg")), read_file(in("same/overlays/a0.jpg")));
  EXPECT_EQ(
      run_command({"predict", "--model", in("model.safetensors"), in("photos"), "--explain", in("photos")}).exit_code,
      2);
}

TEST_F(ExplainCommand, TheReportOfEvalShowsWhatMistakesWereTakenFor) {
  for (const char* name : {"rose", "3", "n01440764", "1"}) {
    fs::create_directories(in(concat("set/", name)));
    for (int i = 0; i < 3; ++i) {
      test::write_bytes(in(concat("set/", name, "/", i, ".jpg")),
                        encode_jpeg(test::wavy_image(40, 40, static_cast<uint64_t>(i)), 90));
    }
  }
  const auto page_of = [&](const std::string& model) {
    const CommandResult result =
        run_command({"eval", "--model", in(model), "--data", in("set"), "--report", in("page.html"), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return std::pair(test::read_text(in("page.html")), result.standard_error);
  };
  const auto [page, log] = page_of("model.safetensors");
  EXPECT_THAT(page, HasSubstr("class=\"pair\""));
  write_max_network(in("strongest.onnx"));
  const auto [without, reason] = page_of("strongest.onnx");
  EXPECT_THAT(without, AllOf(HasSubstr("<h2>Mistakes</h2>"), Not(HasSubstr("class=\"pair\""))));
  EXPECT_THAT(reason, HasSubstr("the page shows no class activations"));
}

}  // namespace
}  // namespace assemble
