// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/predict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "drawn_data.h"
#include "engines.h"
#include "matrices.h"
#include "reference_interpreter.h"
#include "small_network.h"

namespace assemble {
namespace {

std::vector<Prediction> two_images() {
  return {{"a, b.jpg", {{1, "cat \"x\"", 0.75}, {0, "dog", 0.25}}, ""}, {"c.jpg", {}, "c.jpg: broken"}};
}

TEST(Predictions, CsvQuotesAndKeepsErrors) {
  EXPECT_EQ(predictions_to_csv(two_images()),
            "image,rank,label,class,probability,error,readable_name\n"
            "\"a, b.jpg\",1,1,\"cat \"\"x\"\"\",0.750000,,\n"
            "\"a, b.jpg\",2,0,dog,0.250000,,\n"
            "c.jpg,,,,,c.jpg: broken,\n");
}

TEST(Predictions, ShowTheReadableNameBesideASynset) {
  const std::vector<Prediction> one{{"a.jpg", {{1, "n01440764", 0.75}, {0, "background", 0.25}}, ""}};
  EXPECT_NE(predictions_to_csv(one).find("a.jpg,1,1,n01440764,0.750000,,tench\n"), std::string::npos);
  EXPECT_NE(predictions_to_table(one).find("n01440764 tench"), std::string::npos);
  const auto json = predictions_to_json(one)["predictions"][0]["classes"];
  EXPECT_EQ(json[0]["class"], "n01440764");
  EXPECT_EQ(json[0]["readable_name"], "tench");
  EXPECT_FALSE(json[1].contains("readable_name"));
}

TEST(Predictions, JsonHasClassesOrAnError) {
  const auto json = predictions_to_json(two_images());
  EXPECT_EQ(json["predictions"][0]["classes"][1]["class"], "dog");
  EXPECT_FALSE(json["predictions"][0].contains("error"));
  EXPECT_EQ(json["predictions"][1]["error"], "c.jpg: broken");
}

TEST(Predictions, TheLossDecidesHowLogitsBecomeProbabilities) {
  // Logits near 0: every probability is near 1/3 or 1/2.
  const Network network = [](const Images& images) {
    Matrix logits(images.count, 3);
    for (int64_t i = 0; i < images.count; ++i) logits.row(i)[1] = 1e-6f;
    return logits;
  };
  ModelCard card;
  card.class_names = {"a", "b", "c"};
  card.preprocessing = Preprocessing::from_type("imagenet_32a");
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(test::drawn_data() / "validation")) {
    if (entry.is_regular_file() && files.size() < 3) files.push_back(entry.path());
  }
  files.push_back("/nonexistent.png");
  PredictOptions options;
  options.batch_size = 2;
  const std::vector<Prediction> softmax = predict(network, card, files, options);
  ASSERT_EQ(softmax.size(), 4u);
  double sum = 0;
  for (const Prediction::Class& c : softmax[0].classes) sum += c.probability;
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_NE(softmax[3].error.find("/nonexistent.png"), std::string::npos);
  card.loss = LossType::kSigmoid;
  const std::vector<Prediction> sigmoid = predict(network, card, files, options);
  EXPECT_EQ(softmax[0].classes[0].label, 1);
  EXPECT_EQ(sigmoid[0].classes[0].label, 1);
  EXPECT_NEAR(softmax[0].classes[0].probability, 1.0 / 3, 0.01);
  EXPECT_NEAR(sigmoid[0].classes[0].probability, 0.5, 0.01);
}

TEST(Predictions, ComeFromTheDeployedNetwork) {
  ASSEMBLE_NEEDS_OPENVINO();
  const test::TemporaryFolder folder;
  test::SmallNetwork network({.deviation = 60});
  network.save(folder / "model.safetensors");
  DeployedModel model = open_engine(folder / "model.safetensors", {.batch = 2});
  const Network computed = make_network(std::move(model.engine));
  std::vector<std::string> names;
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  for (int64_t i = 0; i < 5; ++i) names.push_back(concat("image ", i));
  const auto predictions =
      predict(computed, model.card, names, [&](int64_t i) { return dataset->read(i).encoded; }, {.batch_size = 3});
  for (int64_t i = 0; i < 5; ++i) {
    std::vector<float> pixels(32 * 32 * 3);
    preprocess_eval(dataset->read(i).encoded, "", model.card.preprocessing, pixels);
    const Matrix logits = test::interpret(network.graph(), {1, 32, 32, pixels.data()});
    const Matrix wanted = to_probabilities(logits, LossType::kSoftmax);
    const Prediction& found = predictions[static_cast<size_t>(i)];
    EXPECT_EQ(found.image, names[static_cast<size_t>(i)]);
    ASSERT_EQ(found.classes.size(), 3u);
    for (const Prediction::Class& c : found.classes) {
      EXPECT_NEAR(c.probability, wanted.values[static_cast<size_t>(c.label)], 1e-5);
      EXPECT_EQ(c.name, concat("class ", c.label));
    }
  }
}

TEST(Predictions, RankByLogitsWhereSigmoidsAreEqualAndNameOutputsThatAreNotFinite) {
  const Network network = [](const Images& images) {
    EXPECT_EQ(images.count, 3);
    return test::matrix({{30, 40, 35}, {0, NAN, 0}, {0, 1, INFINITY}});
  };
  ModelCard card;
  card.class_names = {"a", "b", "c"};
  card.loss = LossType::kSigmoid;
  card.preprocessing = Preprocessing::from_type("imagenet_32a");
  ThreadPool pool(1);
  const auto predictions = classify_batch(
      network, card, 3, [](int64_t, std::span<float>) {}, 2, pool);
  ASSERT_EQ(predictions[0].classes.size(), 2u);
  EXPECT_EQ(predictions[0].classes[0].name, "b");
  EXPECT_EQ(predictions[0].classes[1].name, "c");
  for (const size_t i : {1u, 2u}) {
    EXPECT_TRUE(predictions[i].classes.empty());
    EXPECT_NE(predictions[i].error.find("not finite"), std::string::npos);
  }
}

}  // namespace
}  // namespace assemble
