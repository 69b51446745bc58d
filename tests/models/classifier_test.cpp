// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/classifier.h"

#include <gmock/gmock.h>
#include <torch/optim/sgd.h>

#include <set>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

Classifier small(const std::string& arch, ClassifierOptions options = {.classes = 5}) {
  return make_classifier(Arch::parse(arch), options, 1);
}

TEST(Cost, EqualsThePublishedFigures) {
  struct Case {
    const char* arch;
    int64_t size, parameters;
    double giga_multiply_adds, tolerance;
  };
  for (const Case& c :
       {Case{"resnet50", 224, 25559081, 4.089, 5e-4}, Case{"resnet50+d+sk", 224, 38793097, 6.180, 5e-4},
        Case{"resnet50+bl+sk+aa3", 224, 41848489, 5.726, 5e-4}, Case{"resnet50+bl+sk+aa3", 256, 41848489, 7.477, 5e-4},
        Case{"resnet152+bl(1,2)+sk+aa3", 256, 117006249, 20.47, 5e-3},
        Case{"mobilenet_v1", 224, 4233001, 0.569, 5e-4}}) {
    const ModelCost cost = measure_cost(Arch::parse(c.arch), 1001, c.size);
    EXPECT_EQ(cost.parameters, c.parameters) << c.arch;
    EXPECT_NEAR(static_cast<double>(cost.multiply_adds) / 1e9, c.giga_multiply_adds, c.tolerance) << c.arch;
  }
}

TEST(Cost, LeavesTheModeAlone) {
  const Classifier model = small("resnet50+w8");
  model->train();
  EXPECT_GT(model->multiply_adds(64), 0);
  EXPECT_TRUE(model->is_training());
}

TEST(Classifier, WeightsDependOnTheSeedAlone) {
  const Arch arch = Arch::parse("resnet50+bl+sk+w8");
  const auto first = make_classifier(arch, {.classes = 5}, 3)->named_state();
  const auto again = make_classifier(arch, {.classes = 5}, 3)->named_state();
  const auto other = make_classifier(arch, {.classes = 5}, 4)->named_state();
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(first[i].second.equal(again[i].second)) << first[i].first;
    const bool drawn = first[i].second.dim() > 1;
    EXPECT_EQ(first[i].second.equal(other[i].second), !drawn) << first[i].first;
  }
}

TEST(Classifier, BiasStartsByTheLoss) {
  EXPECT_EQ(small("resnet50+w8")->named_parameters()["fc.bias"].abs().max().item<float>(), 0);
  const Classifier sigmoid = small("resnet50+w8", {.classes = 11, .sigmoid_loss = true});
  EXPECT_NEAR(sigmoid->named_parameters()["fc.bias"].max().item<float>(), -std::log(10.f), 1e-6);
}

TEST(Classifier, ZeroGammaIsThatOfTheLastBatchNormOfEachBlock) {
  const Classifier model = small("resnet50+bl+w8", {.classes = 5, .zero_gamma = true});
  for (const auto& item : model->named_parameters()) {
    if (item.key().find("bn") == std::string::npos || item.key().find("weight") == std::string::npos) continue;
    const bool last = item.key().find("bn3.weight") != std::string::npos;
    EXPECT_EQ(item.value().mean().item<float>(), last ? 0.f : 1.f) << item.key();
  }
}

TEST(Classifier, BatchNormTakesItsMomentum) {
  const Classifier model = small("resnet50+w8", {.classes = 5, .bn_momentum = 0.75});
  for (const auto& module : model->modules()) {
    if (const auto* bn = module->as<torch::nn::BatchNorm2dImpl>()) {
      EXPECT_DOUBLE_EQ(bn->options.momentum().value(), 0.25);
      EXPECT_DOUBLE_EQ(bn->options.eps(), 1e-5);
    }
  }
}

TEST(Classifier, EmbedIsTheInputOfTheDenseLayerBeforeItsActivation) {
  const Classifier model = small("resnet50+gem+emb6+w8");
  model->eval();
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  const torch::Tensor embedding = model->embed(images);
  EXPECT_EQ(embedding.sizes(), (std::vector<int64_t>{2, 6}));
  EXPECT_LT(embedding.min().item<float>(), 0);
  const auto parameters = model->named_parameters();
  const torch::Tensor logits = torch::linear(embedding.relu(), parameters["fc.weight"], parameters["fc.bias"]);
  EXPECT_TRUE(logits.allclose(model->forward(images), 1e-5, 1e-6));
  EXPECT_EQ(small("resnet50+w8")->embed(images).sizes(), (std::vector<int64_t>{2, 256}));
}

TEST(Classifier, EndpointsDoNotChangeTheResult) {
  for (const char* arch : {"resnet50+d+se+aa3(proj,sconv)+w8", "resnet50+bl+sk+aa3+w8", "mobilenet_v1+se+w8"}) {
    const Classifier model = small(arch);
    model->eval();
    const torch::NoGradGuard no_grad;
    const torch::Tensor images = torch::randn({2, 3, 64, 64});
    Endpoints endpoints;
    const torch::Tensor logits = model->forward(images, endpoints);
    EXPECT_TRUE(logits.equal(model->forward(images))) << arch;
    EXPECT_TRUE(endpoints.back().second.equal(logits));
  }
}

TEST(Classifier, BigLittleNeedsMultiplesOf32) {
  const Classifier model = small("resnet50+bl+w8");
  model->eval();
  const auto refusal = [&](int64_t height, int64_t width) {
    return test::error_of<UsageError>([&] { model->forward(torch::zeros({1, 3, height, width})); });
  };
  EXPECT_THAT(refusal(64, 100), HasSubstr("the nearest for 100: 96 or 128"));
  EXPECT_THAT(refusal(20, 64), HasSubstr("the nearest for 20: 32"));
  EXPECT_EQ(model->forward(torch::zeros({1, 3, 64, 96})).sizes(), (std::vector<int64_t>{1, 5}));
}

TEST(Classifier, OtherNetworksTakeAnySize) {
  for (const char* arch :
       {"resnet50+w8", "resnet50+d+sk+aa3+w8", "resnet50+aa4(proj,sconv)+nodown+w8", "mobilenet_v1+w8"}) {
    const Classifier model = small(arch);
    model->eval();
    EXPECT_EQ(model->forward(torch::zeros({1, 3, 77, 90})).sizes(), (std::vector<int64_t>{1, 5})) << arch;
  }
}

TEST(Classifier, FlattenIsBuiltForOneSize) {
  const Classifier model = small("resnet50+flatten+w8", {.classes = 5, .image_size = 96});
  model->eval();
  EXPECT_EQ(model->embed(torch::zeros({2, 3, 96, 96})).sizes(), (std::vector<int64_t>{2, 3 * 3 * 256}));
  EXPECT_THAT(test::error_of<UsageError>([&] {
                model->forward(torch::zeros({1, 3, 64, 64}));
              }),
              HasSubstr("was built for 96x96"));
}

TEST(Classifier, RefusesImpossibleOptionsAndInputs) {
  EXPECT_THAT(test::error_of<UsageError>([] { small("resnet50", {.classes = 1}); }), HasSubstr("at least 2 classes"));
  EXPECT_THAT(test::error_of<UsageError>([] { small("resnet50", {.classes = 2, .bn_momentum = 1}); }),
              HasSubstr("not in [0, 1)"));
  EXPECT_THAT(test::error_of<UsageError>([] {
                small("resnet50+w8")->forward(torch::zeros({1, 4, 32, 32}));
              }),
              HasSubstr("expected the shape [N, 3, H, W], got [1, 4, 32, 32]"));
}

TEST(Classifier, DropBlockActsInTrainingAlone) {
  const Classifier model = small("resnet50+bl+sk+w8", {.classes = 5, .drop_block = true});
  const torch::NoGradGuard no_grad;
  const torch::Tensor images = torch::randn({2, 3, 64, 64});
  model->drop_block_state().keep_probability = 0.7;
  model->eval();
  EXPECT_TRUE(model->forward(images).equal(model->forward(images)));
  model->train();
  const torch::Tensor first = model->forward(images);
  EXPECT_TRUE(first.equal(model->forward(images)));  // one step, one mask
  model->drop_block_state().step = 1;
  EXPECT_FALSE(first.equal(model->forward(images)));
}

TEST(Classifier, DropBlockLayersHaveNumbersOfTheirOwn) {
  for (const char* arch : {"resnet50+w8", "resnet50+bl+sk+w8", "mobilenet_v1+w8"}) {
    const Classifier model = small(arch, {.classes = 5, .drop_block = true});
    std::vector<uint32_t> layers;
    for (const auto& module : model->modules()) {
      if (const auto* drop = module->as<nn::DropBlockImpl>()) layers.push_back(drop->options.layer);
    }
    ASSERT_FALSE(layers.empty());
    std::sort(layers.begin(), layers.end());
    EXPECT_EQ(std::adjacent_find(layers.begin(), layers.end()), layers.end()) << arch;
  }
}

TEST(Classifier, StaysInChannelsLast) {
  const Classifier model = small("resnet50+bl+sk+aa3+w8");
  model->eval();
  const torch::NoGradGuard no_grad;
  Endpoints endpoints;
  model->forward(torch::randn({2, 3, 64, 64}).contiguous(torch::MemoryFormat::ChannelsLast), endpoints);
  for (const auto& [name, activations] : endpoints) {
    if (activations.dim() != 4) continue;
    EXPECT_TRUE(activations.is_contiguous(torch::MemoryFormat::ChannelsLast)) << name;
  }
}

TEST(Classifier, OverfitsOneBatch) {
  torch::manual_seed(0);
  const Classifier model = small("resnet50+bl+sk+aa3+w8", {.classes = 4, .bn_momentum = 0.9});
  const torch::Tensor images = torch::randn({8, 3, 32, 32}).contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor labels = torch::tensor({0, 1, 2, 3, 0, 1, 2, 3});
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.01).momentum(0.9));
  double loss = 0;
  for (int step = 0; step < 40; ++step) {
    const torch::Tensor value = torch::cross_entropy_loss(model->forward(images), labels);
    optimizer.zero_grad();
    value.backward();
    optimizer.step();
    loss = value.item<double>();
  }
  EXPECT_LT(loss, 0.2);
}

/// Names of the parameters that are trained, and of the batch norms in training mode.
std::pair<std::set<std::string>, std::set<std::string>> trained_of(const Classifier& model) {
  std::set<std::string> parameters, batch_norms;
  for (const auto& item : model->named_parameters()) {
    if (item.value().requires_grad()) parameters.insert(item.key());
  }
  for (const auto& item : model->named_modules("", false)) {
    if (item.value()->as<torch::nn::BatchNorm2dImpl>() && item.value()->is_training()) batch_norms.insert(item.key());
  }
  return {parameters, batch_norms};
}

TEST(Freeze, HoldsWeightsAndBatchNormsAsFarAsItsDepth) {
  struct Case {
    const char* arch;
    FreezeDepth depth;
    std::vector<std::string> frozen, trained;
  };
  for (const Case& c : std::vector<Case>{
           {"resnet50+d+gem+emb8+w8", FreezeDepth::kStem, {"conv1.0", "conv1.1", "bn1"}, {"layer1.0.bn1", "fc"}},
           {"resnet50+bl+sk+w8",
            FreezeDepth::kStage2,
            {"bn1", "stem.merge.1", "layer1.big.0.bn1", "layer2.merge.conv3"},
            {"layer3.big.0.conv1", "layer4.0.bn1"}},
           {"resnet50+emb8+w8", FreezeDepth::kBackbone, {"bn1", "layer4.2.bn3"}, {"embedding", "embedding_bn", "fc"}},
           {"mobilenet_v1+w8", FreezeDepth::kStage1, {"conv1", "units.0.bn1", "units.2.bn2"}, {"units.3.bn1", "fc"}},
           {"mobilenet_v1+w8", FreezeDepth::kStage3, {"units.5.conv_dw", "units.10.bn2"}, {"units.11.bn1"}}}) {
    const Classifier model = make_classifier(Arch::parse(c.arch), {.classes = 3});
    model->freeze(c.depth);
    model->eval();
    model->train();
    const auto [parameters, batch_norms] = trained_of(model);
    for (const std::string& name : c.frozen) {
      EXPECT_FALSE(parameters.contains(name + ".weight")) << c.arch << " " << name;
      EXPECT_FALSE(batch_norms.contains(name)) << c.arch << " " << name;
    }
    for (const std::string& name : c.trained) {
      EXPECT_TRUE(parameters.contains(name + ".weight")) << c.arch << " " << name;
      EXPECT_EQ(batch_norms.contains(name), name.find("bn") != std::string::npos) << c.arch << " " << name;
    }
  }
}

TEST(Freeze, NoneUndoesIt) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 3});
  const auto before = trained_of(model);
  model->freeze(FreezeDepth::kBackbone);
  EXPECT_THAT(trained_of(model).first, testing::ElementsAre("fc.bias", "fc.weight"));
  model->freeze(FreezeDepth::kNone);
  EXPECT_EQ(trained_of(model), before);
}

}  // namespace
}  // namespace assemble
