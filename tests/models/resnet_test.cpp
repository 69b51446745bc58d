// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/resnet.h"

#include <algorithm>

#include "../nn/module_checks.h"
#include "assemble/core/error.h"

namespace assemble {
namespace {

std::vector<std::string> state_names(const std::string& arch) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : make_empty_classifier(Arch::parse(arch), {.classes = 5})->named_state()) {
    names.push_back(name);
  }
  return names;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TEST(ResNet, BlocksOfBothVersions) {
  using Blocks = std::vector<int64_t>;
  const auto blocks = [](const char* arch) { return resnet_stage_blocks(Arch::parse(arch)); };
  EXPECT_EQ(blocks("resnet50"), (Blocks{3, 4, 6, 3}));
  EXPECT_EQ(blocks("resnet101"), (Blocks{3, 4, 23, 3}));
  EXPECT_EQ(blocks("resnet152"), (Blocks{3, 8, 36, 3}));
  EXPECT_EQ(blocks("resnet200"), (Blocks{3, 24, 36, 3}));
  EXPECT_EQ(blocks("resnet50+bl"), (Blocks{3, 4, 6, 3}));
  EXPECT_EQ(blocks("resnet101+bl"), (Blocks{4, 8, 18, 3}));
  EXPECT_EQ(blocks("resnet152+bl"), (Blocks{5, 12, 30, 3}));
  Arch wrong;
  wrong.base = "resnet34";
  EXPECT_THROW(resnet_stage_blocks(wrong), UsageError);
}

TEST(ResNet, HasTheNamesOfTorchvision) {
  const std::vector<std::string> names = state_names("resnet50");
  // Of torchvision's 320 entries, 53 are counters of batches.
  EXPECT_EQ(names.size(), 320 - 53);
  for (const char* name : {"conv1.weight", "bn1.weight", "bn1.running_var", "layer1.0.conv1.weight",
                           "layer1.0.downsample.0.weight", "layer1.0.downsample.1.running_mean", "layer2.3.bn3.bias",
                           "layer3.5.conv2.weight", "layer4.2.bn3.weight", "fc.weight", "fc.bias"}) {
    EXPECT_TRUE(has(names, name)) << name;
  }
}

TEST(ResNet, HasTheNamesOfTimm) {
  const std::vector<std::string> names = state_names("resnet50+d+se");
  for (const char* name : {"conv1.0.weight", "conv1.1.running_mean", "conv1.3.weight", "conv1.4.bias", "conv1.6.weight",
                           "bn1.weight", "layer1.0.downsample.1.weight", "layer1.0.downsample.2.weight",
                           "layer3.1.se.fc1.weight", "layer3.1.se.fc2.weight"}) {
    EXPECT_TRUE(has(names, name)) << name;
  }
}

TEST(ResNet, HasClearNamesForBigLittle) {
  const std::vector<std::string> names = state_names("resnet50+bl+sk+emb8");
  for (const char* name :
       {"stem.big.0.weight", "stem.little.2.1.weight", "stem.merge.0.weight", "layer1.big.1.conv2.conv.weight",
        "layer3.little.0.conv2.fc_select.weight", "layer2.expand.0.weight", "layer3.merge.downsample.0.weight",
        "layer4.2.conv3.weight", "embedding.weight", "embedding_bn.running_var"}) {
    EXPECT_TRUE(has(names, name)) << name;
  }
}

TEST(ResNet, ClassifierParametersAreThoseOfTheDenseLayer) {
  int64_t found = 0;
  for (const std::string& name : state_names("resnet50+se+emb8")) {
    if (ClassifierImpl::is_classifier_parameter(name)) ++found;
  }
  EXPECT_EQ(found, 2);
  EXPECT_TRUE(ClassifierImpl::is_classifier_parameter("fc.weight"));
  EXPECT_FALSE(ClassifierImpl::is_classifier_parameter("layer1.0.se.fc1.weight"));
}

TEST(ResNet, StridesOfTheStages) {
  const auto sides = [](const char* arch) {
    const Classifier model = make_classifier(Arch::parse(arch), {.classes = 5});
    model->eval();
    Endpoints endpoints;
    model->forward(torch::zeros({1, 3, 64, 64}), endpoints);
    std::vector<int64_t> result;
    for (const auto& [name, activations] : endpoints) {
      if (activations.dim() == 4) result.push_back(activations.size(2));
    }
    return result;
  };
  // initial_conv, initial_max_pool, four stages, pooled.
  EXPECT_EQ(sides("resnet50+w8"), (std::vector<int64_t>{32, 16, 16, 8, 4, 2, 1}));
  EXPECT_EQ(sides("resnet50+nodown+w8"), (std::vector<int64_t>{32, 16, 16, 8, 4, 4, 1}));
  // initial_conv, big, little and merge of three stages, stage 4, pooled.
  EXPECT_EQ(sides("resnet50+bl+w8"), (std::vector<int64_t>{32, 8, 16, 8, 4, 8, 4, 2, 4, 4, 2, 1}));
}

TEST(SameMaxPool, PadsEvenSidesAtTheEndAlone) {
  const torch::Tensor input = torch::arange(16.f).view({1, 1, 4, 4});
  test::expect_near(same_max_pool(input), test::plane({{10, 11}, {14, 15}}), 0);
  test::expect_near(same_max_pool(-input), test::plane({{0, -2}, {-8, -10}}), 0);
}

TEST(SameMaxPool, PadsOddSidesOnBothEnds) {
  const torch::Tensor input = torch::arange(25.f).view({1, 1, 5, 5});
  test::expect_near(same_max_pool(input), test::plane({{6, 8, 9}, {16, 18, 19}, {21, 23, 24}}), 0);
  EXPECT_EQ(same_max_pool(torch::zeros({1, 1, 5, 8})).sizes(), (std::vector<int64_t>{1, 1, 3, 4}));
}

TEST(ResNet, WithTimmTheMaxPoolingIsPaddedOnBothSides) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w4+timm"), {.classes = 3});
  Endpoints endpoints;
  model->eval();
  const torch::NoGradGuard no_grad;
  model->forward(torch::rand({1, 3, 12, 14}), endpoints);
  ASSERT_EQ(endpoints[0].first, "resnet_model/initial_conv");
  ASSERT_EQ(endpoints[1].first, "resnet_model/initial_max_pool");
  const torch::Tensor activations = (endpoints[0].second / std::sqrt(1 + 1e-5)).relu();  // batch norm as it starts
  const torch::Tensor expected = torch::max_pool2d(activations, {3, 3}, {2, 2}, {1, 1});
  EXPECT_TRUE(torch::allclose(endpoints[1].second, expected, 1e-5, 1e-6));
  EXPECT_FALSE(torch::allclose(same_max_pool(activations), expected, 1e-5, 1e-6));
}

}  // namespace
}  // namespace assemble
