// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/soup.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/train/validation.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using testing::HasSubstr;

TEST(RestateBatchNorms, StatisticsAreThoseOfPyTorch) {
  const auto stored = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/soup.json")));
  torch::nn::BatchNorm2d norm(3);
  norm->running_mean.fill_(5);
  norm->eval();
  restate_batch_norms(*norm, [&] {
    for (const nlohmann::json& batch : stored.at("batches")) {
      norm->forward(torch::tensor(batch.get<std::vector<float>>()).view({-1, 3, 2, 2}));
    }
  });
  const auto read = [&](const char* key) { return torch::tensor(stored.at(key).get<std::vector<float>>()); };
  EXPECT_TRUE(torch::allclose(norm->running_mean, read("mean"), 1e-6, 1e-6)) << norm->running_mean;
  EXPECT_TRUE(torch::allclose(norm->running_var, read("variance"), 1e-6, 1e-6)) << norm->running_var;
  EXPECT_FALSE(norm->is_training());
  EXPECT_EQ(norm->options.momentum(), 0.1);
}

class SoupTest : public TrainerTest {
 protected:
  /// A network that learned nothing.
  fs::path drawn_network(uint64_t seed, const std::string& arch = "mobilenet_v1+w8") {
    const Classifier model = make_classifier(Arch::parse(arch), {.classes = train_->classes()}, seed);
    ModelCard card;
    card.class_names = train_->class_names();
    card.preprocessing = options().preprocessing;
    card.training = {{"epoch", std::to_string(seed)}, {"pretrained", "none"}};
    const fs::path path = folder_ / (std::to_string(seed) + ".safetensors");
    save_model(path, *model, card);
    return path;
  }

  double top1_of(const Classifier& model) {
    LoaderOptions loader;
    loader.batch_size = 8;
    loader.preprocessing = options().preprocessing;
    Communicator alone;
    return Validator(*validation_, loader, {}).run(*model, torch::kCPU, Precision::kF32, alone).score();
  }

  Soup cook(const std::vector<fs::path>& files, SoupOptions options = {}) {
    options.batch_size = 8;
    return make_soup(files, *train_, *validation_, options);
  }
};

TEST_F(SoupTest, WeightsAreTheMean) {
  const std::vector<fs::path> files{drawn_network(1), drawn_network(2), drawn_network(3)};
  const Soup soup = cook(files);
  std::map<std::string, torch::Tensor> sums;
  for (const fs::path& file : files) {
    for (const auto& [name, tensor] : load_model(file)->named_state()) {
      sums[name] = sums.contains(name) ? sums[name] + tensor : tensor.detach().clone();
    }
  }
  for (const auto& [name, tensor] : soup.model->named_state()) {
    if (name.find("running") != std::string::npos) continue;
    EXPECT_TRUE(torch::allclose(tensor, sums[name] / 3, 1e-5, 1e-7)) << name;
  }
  EXPECT_EQ(soup.card.training.at("averaged"), "1.safetensors, 2.safetensors, 3.safetensors");
  EXPECT_EQ(soup.card.training.at("pretrained"), "none");
  EXPECT_FALSE(soup.card.training.contains("epoch")) << "the models are of different ones";
  EXPECT_EQ(soup.ingredients.size(), 3u);

  // The statistics are those of the new weights, whatever the order of the models.
  const Soup other = cook({files[2], files[0], files[1]});
  const auto state = soup.model->named_state(), again = other.model->named_state();
  for (size_t i = 0; i < state.size(); ++i) EXPECT_TRUE(state[i].second.equal(again[i].second)) << state[i].first;
  const auto of_few = cook(files, {.statistics_images = 8}).model->named_state();
  EXPECT_FALSE(std::equal(state.begin(), state.end(), of_few.begin(),
                          [](const auto& a, const auto& b) { return a.second.equal(b.second); }));
}

TEST_F(SoupTest, GreedyTakesWhatDoesNoHarm) {
  for (const uint64_t seed : {1, 3}) {
    const std::vector<fs::path> files{drawn_network(seed), drawn_network(seed + 1)};
    const Soup soup = cook(files, {.greedy = true});
    ASSERT_EQ(soup.ingredients.size(), 2u);
    const Ingredient &first = soup.ingredients[0], &second = soup.ingredients[1];
    EXPECT_GE(first.top1, second.top1);
    for (const Ingredient& ingredient : soup.ingredients) {
      EXPECT_EQ(ingredient.top1, top1_of(load_model(ingredient.file))) << ingredient.file;
    }
    EXPECT_TRUE(first.taken);
    const double of_both = top1_of(cook(files).model);
    if (second.taken) {
      EXPECT_EQ(soup.top1, of_both);
    } else {
      EXPECT_GT(soup.top1, of_both);
      EXPECT_EQ(soup.card.training.at("averaged"), first.file.filename().string());
    }
    EXPECT_EQ(top1_of(soup.model), soup.top1);
  }
}

TEST_F(SoupTest, WhatIsNoSoupIsRefused) {
  const fs::path first = drawn_network(1);
  EXPECT_THAT(test::error_of<UsageError>([&] { cook({first}); }), HasSubstr("of one model is that model"));
  EXPECT_THAT(test::error_of<UsageError>([&] {
                cook({first, folder_ / "./1.safetensors"});
              }),
              HasSubstr("is named twice"));
  EXPECT_THAT(test::error_of<InputError>([&] {
                cook({first, drawn_network(2, "mobilenet_v1+se+w8")});
              }),
              HasSubstr("has another arch than"));
  EXPECT_THAT(test::error_of<UsageError>([&] {
                cook({first, drawn_network(3)}, {.statistics_images = -1});
              }),
              HasSubstr("`statistics_images`"));
  ModelCard card;
  const Classifier model = load_model(first, &card);
  card.class_names[0] = "another";
  save_model(folder_ / "other.safetensors", *model, card);
  EXPECT_THAT(test::error_of<InputError>([&] {
                cook({first, folder_ / "other.safetensors"});
              }),
              HasSubstr("has another class_names than"));
  save_model(folder_ / "another.safetensors", *model, card);
  EXPECT_THAT(test::error_of<InputError>([&] {
                cook({folder_ / "other.safetensors", folder_ / "another.safetensors"});
              }),
              HasSubstr("has other classes than"));
}

}  // namespace
}  // namespace assemble
