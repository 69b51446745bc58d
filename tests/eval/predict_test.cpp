// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/predict.h"

#include <gtest/gtest.h>

#include "drawn_data.h"

namespace assemble {
namespace {

std::vector<Prediction> two_images() {
  return {{"a, b.jpg", {{1, "cat \"x\"", 0.75}, {0, "dog", 0.25}}, ""}, {"c.jpg", {}, "c.jpg: broken"}};
}

TEST(Predictions, CsvQuotesAndKeepsErrors) {
  EXPECT_EQ(predictions_to_csv(two_images()),
            "image,rank,label,class,probability,error\n"
            "\"a, b.jpg\",1,1,\"cat \"\"x\"\"\",0.750000,\n"
            "\"a, b.jpg\",2,0,dog,0.250000,\n"
            "c.jpg,,,,,c.jpg: broken\n");
}

TEST(Predictions, JsonHasClassesOrAnError) {
  const auto json = predictions_to_json(two_images());
  EXPECT_EQ(json["predictions"][0]["classes"][1]["class"], "dog");
  EXPECT_FALSE(json["predictions"][0].contains("error"));
  EXPECT_EQ(json["predictions"][1]["error"], "c.jpg: broken");
}

TEST(Predictions, TheLossDecidesHowLogitsBecomeProbabilities) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 3}, 1);
  model->eval();
  model->named_parameters()["fc.weight"].detach().mul_(1e-6);  // logits near 0: every probability near 1/3 or 1/2
  const Network network = make_network(model, torch::kCPU, Precision::kF32);
  ModelCard card;
  card.arch = model->arch();
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
  card.loss = "sigmoid";
  const std::vector<Prediction> sigmoid = predict(network, card, files, options);
  EXPECT_EQ(sigmoid[0].classes[0].label, softmax[0].classes[0].label);
  EXPECT_NEAR(softmax[0].classes[0].probability, 1.0 / 3, 0.01);
  EXPECT_NEAR(sigmoid[0].classes[0].probability, 0.5, 0.01);
}

TEST(Predictions, RankByLogitsWhereSigmoidsAreEqualAndNameOutputsThatAreNotFinite) {
  const Network network = [](const torch::Tensor& images) {
    torch::Tensor logits = torch::tensor({{30.f, 40.f, 35.f}, {0.f, NAN, 0.f}, {0.f, 1.f, INFINITY}});
    return logits.narrow(0, 0, images.size(0));
  };
  ModelCard card;
  card.class_names = {"a", "b", "c"};
  card.loss = "sigmoid";
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
