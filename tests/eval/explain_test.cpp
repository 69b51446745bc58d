// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/image/encode.h"
#include "engines.h"
#include "small_network.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

/// Two classes: red and green places of an image of 4×4 cells of 8 pixels, which a mean of 8×8 windows makes.
MappedModel colour_model(const Preprocessing& preprocessing) {
  Graph graph;
  const NodeId image = graph.add_input({}, {3, 32, 32});
  const NodeId cells = graph.add(ops::AveragePool{8, 8, {}}, {image});
  const NodeId mean =
      graph.add(ops::Reshape{{3, 1, 1}}, {graph.add(ops::Reshape{{3}}, {graph.add(ops::Mean{}, {cells})})});
  const NodeId logits = graph.add(
      ops::Convolution{.weight = Array({2, 3, 1, 1}, {1, -1, 0, -1, 1, 0}), .bias = {}, .padding = {}}, {mean}, "fc");
  graph.add(ops::Reshape{{2}}, {logits});
  ModelCard card;
  card.class_names = {"red", "green"};
  card.preprocessing = preprocessing;
  card.preprocessing.mean = {};
  card.preprocessing.deviation = {255, 255, 255};
  return {card, ActivationMapper(graph, "colours")};
}

Preprocessing whole_image() { return Preprocessing::from_type("reid_32"); }

void fill(Image& image, const Window& window, const std::array<uint8_t, 3>& colour) {
  for (int y = window.y; y < window.y + window.height; ++y) {
    for (int x = window.x; x < window.x + window.width; ++x) std::ranges::copy(colour, image.row(y) + 3 * x);
  }
}

/// Red at the lower left, less green at the upper right.
Image two_spots(int height, int width) {
  Image image = Image::create(height, width);
  fill(image, {height * 3 / 4, 0, height / 4, width / 4}, {250, 0, 0});
  fill(image, {0, width * 3 / 4, height / 4, width / 4}, {0, 200, 0});
  return image;
}

std::vector<Explanation> explain_one(const Image& image, const Preprocessing& preprocessing,
                                     const ExplainOptions& options = {}) {
  MappedModel model = colour_model(preprocessing);
  return explain(
      model, {"spots.png"}, [&](int64_t) { return encode_png(image); }, options);
}

TEST(Explain, FindsWhatSpeaksForAClassInPixelsOfTheImage) {
  ASSEMBLE_NEEDS_OPENVINO();
  const Image image = two_spots(80, 160);
  const Explanation red = explain_one(image, whole_image()).at(0);
  EXPECT_EQ(red.error, "");
  EXPECT_EQ(red.predicted.name, "red");
  EXPECT_EQ(red.shown.name, "red");
  EXPECT_GT(red.predicted.probability, 0.5);
  ASSERT_TRUE(red.peak());
  EXPECT_DOUBLE_EQ(red.peak()->y, 70);
  EXPECT_DOUBLE_EQ(red.peak()->x, 20);
  ExplainOptions options;
  options.class_of = [](int64_t) { return std::optional<int64_t>(1); };
  const Explanation green = explain_one(image, whole_image(), options).at(0);
  EXPECT_EQ(green.predicted.name, "red");
  EXPECT_EQ(green.shown.name, "green");
  EXPECT_NEAR(green.predicted.probability + green.shown.probability, 1, 1e-6);
  EXPECT_DOUBLE_EQ(green.peak()->y, 10);
  EXPECT_DOUBLE_EQ(green.peak()->x, 140);
}

TEST(Explain, UndoesResizeAndCrop) {
  ASSEMBLE_NEEDS_OPENVINO();
  Preprocessing crop = Preprocessing::from_type("imagenet_32");
  crop.eval_resize = 32;  // the middle square of the image
  Image image = Image::create(64, 256);
  fill(image, {16, 96 + 48, 16, 16}, {250, 0, 0});
  fill(image, {0, 0, 64, 80}, {0, 250, 0});  // outside
  const Explanation explanation = explain_one(image, crop).at(0);
  EXPECT_EQ(explanation.predicted.name, "red");
  EXPECT_DOUBLE_EQ(explanation.view.x, 96);
  EXPECT_DOUBLE_EQ(explanation.view.width, 64);
  EXPECT_DOUBLE_EQ(explanation.peak()->x, 96 + 56);
  EXPECT_DOUBLE_EQ(explanation.peak()->y, 24);
}

TEST(Explain, TurnsAsThePreprocessingDoes) {
  ASSEMBLE_NEEDS_OPENVINO();
  MappedModel model = colour_model(whole_image());
  const Bytes turned = test::make_jpeg(two_spots(80, 160), {.exif_orientation = 6});  // shown a quarter to the right
  const auto read = [&](int64_t) { return turned; };
  const Explanation stored = explain(model, {"a.jpg"}, read, {}).at(0);
  EXPECT_EQ(stored.size.width, 160);
  EXPECT_DOUBLE_EQ(stored.peak()->x, 20);
  model.card.preprocessing.apply_exif_orientation = true;
  const Explanation shown = explain(model, {"a.jpg"}, read, {}).at(0);
  EXPECT_EQ(shown.size.width, 80);
  EXPECT_DOUBLE_EQ(shown.peak()->x, 10) << "the lower left corner is the upper left one now";
  EXPECT_DOUBLE_EQ(shown.peak()->y, 20);
}

TEST(Explain, PassesBrokenImagesByAndShowsTheOthers) {
  ASSEMBLE_NEEDS_OPENVINO();
  MappedModel model = colour_model(whole_image());
  const Bytes good = encode_png(two_spots(1500, 3000));
  std::vector<int64_t> seen;
  ExplainOptions options;
  options.see = [&](int64_t image, const ExplainedPicture& picture) {
    seen.push_back(image);
    EXPECT_EQ(picture.image.width, ExplainedPicture::kPictureSide);
    EXPECT_EQ(picture.overlay.width, picture.image.width);
    EXPECT_EQ(picture.overlay.height, 512);
    EXPECT_NE(picture.overlay.pixels, picture.image.pixels);
  };
  const auto read = [&](int64_t i) { return i == 1 ? Bytes(good.begin(), good.begin() + 40) : good; };
  const std::vector<Explanation> all = explain(model, {"a.png", "b.png", "c.png"}, read, options);
  EXPECT_THAT(seen, testing::ElementsAre(0, 2));
  EXPECT_THAT(all.at(1).error, HasSubstr("b.png"));
  EXPECT_EQ(all.at(2).error, "");
}

TEST(Explain, RefusesAClassThatThereIsNot) {
  ASSEMBLE_NEEDS_OPENVINO();
  ExplainOptions options;
  options.class_of = [](int64_t) { return std::optional<int64_t>(2); };
  EXPECT_THROW(explain_one(two_spots(32, 32), whole_image(), options), UsageError);
}

TEST(Explain, ShowsMistakesInTheCropThatWasSeen) {
  ASSEMBLE_NEEDS_OPENVINO();
  MappedModel model = colour_model(whole_image());
  const Mistake mistake{"a.png", 1, 0, 0.9, 0.1, two_spots(32, 32)};
  // Of the classes 0 and 1 the outputs are 1 and 0: what was taken for class 0 is the green spot.
  const std::vector<Image> overlays =
      mistake_overlays(model.mapper, {mistake}, model.card.preprocessing, [](int64_t label) { return 1 - label; });
  ASSERT_EQ(overlays.size(), 1u);
  const auto brightness = [&](int y, int x) { return overlays[0].row(y)[3 * x] + overlays[0].row(y)[3 * x + 1]; };
  EXPECT_GT(brightness(3, 28), 400);
  EXPECT_LT(brightness(28, 3), 400);
}

TEST(Explain, GivesTheMeanWeightsOfHalvesOverWhatWasExplained) {
  Explanation first, broken, second;
  first.first_halves = {0.25, 0.5};
  broken.error = "broken";
  second.first_halves = {0.75, 1};
  const std::vector<HalfWeight> weights = half_weights({"a", "b"}, {first, broken, second});
  ASSERT_EQ(weights.size(), 2u);
  EXPECT_EQ(weights[0].block, "a");
  EXPECT_DOUBLE_EQ(weights[0].first, 0.5);
  EXPECT_DOUBLE_EQ(weights[1].first, 0.75);
  EXPECT_TRUE(half_weights({"a"}, {broken}).empty());
  EXPECT_TRUE(half_weights({}, {first}).empty());
}

TEST(Explain, WritesJsonAndATable) {
  ASSEMBLE_NEEDS_OPENVINO();
  test::SmallNetwork network;
  ActivationMapper mapper(network.graph(), "small");
  Explanation good{.image = "a.png",
                   .predicted = {1, "n01440764", 0.75},
                   .shown = {0, "other", 0.25},
                   .activation = {1, 2, {0, 3}},
                   .first_halves = {0.25},
                   .size = {10, 40},
                   .view = {0, 10, 10, 20}};
  Explanation nowhere = good, broken{.image = "b.png", .error = "b.png: broken"};
  nowhere.activation.values = {0, 0};
  const auto json = explanations_to_json({good, broken, nowhere}, mapper);
  EXPECT_EQ(json["method"], "Grad-CAM");
  const auto& one = json["explanations"][0];
  EXPECT_EQ(one["predicted"]["readable_name"], "tench");
  EXPECT_EQ(one["explained"]["class"], "other");
  EXPECT_EQ(one["map"], nlohmann::json::parse("[[0.0, 3.0]]"));
  EXPECT_EQ(one["peak"], nlohmann::json::parse(R"({"x": 25.0, "y": 5.0})"));
  EXPECT_EQ(one["image_size"]["width"], 40);
  EXPECT_EQ(one["seen"]["x"], 10.0);
  EXPECT_EQ(one["selective_kernels"][0]["block"], "layer1.conv2");
  EXPECT_EQ(one["selective_kernels"][0]["second"], 0.75);
  EXPECT_EQ(json["explanations"][1]["error"], "b.png: broken");
  EXPECT_FALSE(json["explanations"][1].contains("map"));
  EXPECT_TRUE(json["explanations"][2]["peak"].is_null());
  const std::string table = explanations_to_table({good, broken, nowhere}, mapper);
  EXPECT_THAT(table, HasSubstr("n01440764 tench"));
  EXPECT_THAT(table, HasSubstr("25, 5"));
  EXPECT_THAT(table, HasSubstr("nowhere"));
  EXPECT_THAT(table, HasSubstr("error: b.png: broken"));
  EXPECT_THAT(table, HasSubstr("layer1.conv2"));
}

}  // namespace
}  // namespace assemble
