// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/optimizer.h"

#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include <map>

#include "assemble/models/classifier.h"

namespace assemble {
namespace {

torch::Tensor parameter(std::initializer_list<float> values, std::vector<int64_t> shape) {
  return torch::tensor(std::vector<float>(values)).view(shape).clone().requires_grad_();
}

TEST(MomentumSgd, FollowsTheOriginalsUpdate) {
  torch::Tensor weight = parameter({1.f, -2.f}, {2, 1});
  MomentumSgd optimizer({{"conv.weight", weight}}, {0.9, false, 0.1});
  for (int step = 0; step < 2; ++step) {
    weight.mutable_grad() = torch::tensor({{0.5f}, {0.5f}});
    optimizer.step(0.1);
  }
  // v1 = 0.5 + 0.1 w0; w1 = w0 - 0.1 v1; v2 = 0.9 v1 + 0.5 + 0.1 w1; w2 = w1 - 0.1 v2.
  EXPECT_NEAR(weight[0].item<double>(), 1 - 0.06 - 0.1 * (0.54 + 0.5 + 0.094), 1e-6);
  EXPECT_NEAR(weight[1].item<double>(), -2 - 0.03 - 0.1 * (0.27 + 0.5 - 0.203), 1e-6);
  EXPECT_FALSE(weight.grad().defined());
}

TEST(MomentumSgd, DecaysAllButBatchNorm) {
  torch::Tensor gamma = parameter({1.f}, {1});
  torch::Tensor bias = parameter({1.f}, {1});
  MomentumSgd optimizer({{"layer1.0.bn1.weight", gamma, /*decays=*/false}, {"fc.bias", bias}}, {0.9, false, 0.5});
  EXPECT_DOUBLE_EQ(optimizer.regularization(), 0.25);
  gamma.mutable_grad() = torch::zeros({1});
  bias.mutable_grad() = torch::zeros({1});
  optimizer.step(1);
  EXPECT_FLOAT_EQ(gamma.item<float>(), 1.f);
  EXPECT_FLOAT_EQ(bias.item<float>(), 0.5f);
}

TEST(MomentumSgd, EqualsLibTorchsOnChannelsLastWeightsWithOtherwiseLaidOutGradients) {
  torch::manual_seed(1);
  torch::Tensor ours = torch::randn({8, 4, 3, 3}).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_();
  torch::Tensor theirs = ours.detach().clone().requires_grad_();
  MomentumSgd optimizer({{"conv.weight", ours}}, {0.9, true, 0.01});
  torch::optim::SGD reference({theirs}, torch::optim::SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(0.01));
  for (int step = 0; step < 3; ++step) {
    const torch::Tensor gradient = torch::randn({8, 4, 3, 3});
    ours.mutable_grad() = gradient.clone();
    theirs.mutable_grad() = gradient.clone();
    optimizer.step(0.1);
    reference.step();
  }
  EXPECT_TRUE(torch::allclose(ours, theirs, 1e-5, 1e-6));
}

TEST(MomentumSgd, ClipsToTheNormOfAllGradients) {
  torch::Tensor first = parameter({0.f}, {1, 1}), second = parameter({0.f}, {1, 1});
  MomentumSgd optimizer({{"a.weight", first}, {"b.weight", second}}, {0.9, false, 0});
  first.mutable_grad() = torch::tensor({{3.f}});
  second.mutable_grad() = torch::tensor({{4.f}});
  EXPECT_DOUBLE_EQ(optimizer.gradient_norm(), 5);
  optimizer.clip_gradients(5, 1);
  EXPECT_NEAR(first.grad().item<double>(), 0.6, 1e-6);
  EXPECT_NEAR(optimizer.gradient_norm(), 1, 1e-6);
  optimizer.clip_gradients(1, 2);
  EXPECT_NEAR(second.grad().item<double>(), 0.8, 1e-6);
}

TEST(MomentumSgd, AParametersRateIsAFactorOfTheLearningRate) {
  torch::Tensor slow = parameter({1.f}, {1, 1}), usual = parameter({1.f}, {1, 1}), alone = parameter({1.f}, {1, 1});
  MomentumSgd optimizer({{"slow.weight", slow, true, 0.25}, {"usual.weight", usual}}, {0.9, false, 0.1});
  MomentumSgd quarter({{"alone.weight", alone}}, {0.9, false, 0.1});
  for (int step = 0; step < 3; ++step) {
    for (torch::Tensor* tensor : {&slow, &usual, &alone}) tensor->mutable_grad() = torch::tensor({{3.f}});
    optimizer.step(0.1);
    quarter.step(0.1 * 0.25);
  }
  EXPECT_TRUE(slow.equal(alone));
  EXPECT_LT(usual.item<double>(), slow.item<double>());
}

TEST(TrainedParameters, AllButThoseOfBatchNormsDecay) {
  // Batch norms are known by their kind: the biases of timm's `se` are one-dimensional, too.
  const Classifier model = make_classifier(Arch::parse("resnet50+d+se+timm+emb8+w8"), {.classes = 3}, 1);
  std::map<std::string, bool> decays;
  for (const TrainedParameter& parameter : trained_parameters(*model)) decays[parameter.name] = parameter.decays;
  EXPECT_EQ(decays.size(), model->named_parameters().size());
  for (const char* name : {"fc.weight", "fc.bias", "layer1.0.se.fc1.bias", "layer1.0.se.fc2.bias", "embedding.weight",
                           "layer1.0.conv1.weight"}) {
    EXPECT_TRUE(decays.at(name)) << name;
  }
  for (const char* name : {"bn1.weight", "bn1.bias", "layer1.0.bn2.bias", "embedding_bn.weight", "embedding_bn.bias"}) {
    EXPECT_FALSE(decays.at(name)) << name;
  }
  double sum = 0;
  for (const auto& item : model->named_parameters()) {
    if (item.key().find("bn") == std::string::npos && decays.at(item.key())) {
      sum += item.value().square().sum().item<double>();
    }
  }
  MomentumSgd optimizer(trained_parameters(*model), {0.9, false, 0.5});
  EXPECT_NEAR(optimizer.regularization(), 0.25 * sum, 1e-3 * sum);
}

}  // namespace
}  // namespace assemble
