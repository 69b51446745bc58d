// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/resnet_d.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

using test::expect_near;
using test::plane;

TEST(ResNetDStem, HasTimmsNamesAndHalvesTheSize) {
  ResNetDStem stem(ResNetDStemOptions{.width = 8});
  EXPECT_EQ(test::parameter_names(*stem),
            (std::vector<std::string>{"0.weight", "1.weight", "1.bias", "3.weight", "4.weight", "4.bias", "6.weight"}));
  EXPECT_EQ(stem->conv2->weight.sizes(), (std::vector<int64_t>{4, 4, 3, 3}));
  initialise_weights(*stem, 1);
  EXPECT_EQ(stem->forward(torch::zeros({2, 3, 9, 12})).sizes(), (std::vector<int64_t>{2, 8, 5, 6}));
}

TEST(ResNetDStem, Gradient) {
  ResNetDStem stem(ResNetDStemOptions{.width = 4});
  const torch::Tensor input = test::random_tensor({2, 3, 5, 6}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(stem, input, [&](const torch::Tensor& x) { return stem->forward(x); }), 1e-5);
}

TEST(ResNetDShortcutPool, AveragesTwoByTwo) {
  expect_near(resnet_d_shortcut_pool(torch::arange(16.f).view({1, 1, 4, 4}), 2), plane({{2.5, 4.5}, {10.5, 12.5}}), 0);
}

TEST(ResNetDShortcutPool, CountsTheZeroAfterAnOddSide) {
  const torch::Tensor input = plane({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  expect_near(resnet_d_shortcut_pool(input, 2), plane({{3, 2.25}, {3.75, 2.25}}), 1e-6);
}

TEST(ResNetDShortcutPool, AveragesOverExistingPixelsAtStrideOne) {
  expect_near(resnet_d_shortcut_pool(plane({{1, 2}, {3, 4}}), 1), plane({{2.5, 3}, {3.5, 4}}), 1e-6);
}

TEST(TimmShortcutPool, AveragesOverExistingPixelsAtStrideTwoAndPassesAtStrideOne) {
  const torch::Tensor input = plane({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  expect_near(timm_shortcut_pool(input, 2), plane({{3, 4.5}, {7.5, 9}}), 1e-6);
  expect_near(timm_shortcut_pool(torch::arange(16.f).view({1, 1, 4, 4}), 2), plane({{2.5, 4.5}, {10.5, 12.5}}), 0);
  expect_near(timm_shortcut_pool(input, 1), input, 0);
}

TEST(ResNetDShortcutPool, Gradient) {
  for (const int64_t stride : {1, 2}) {
    const torch::Tensor input = test::random_tensor({1, 2, 5, 4}, 2, torch::kDouble);
    EXPECT_LT(test::gradient_error([&] { return resnet_d_shortcut_pool(input, stride); }, {input}), 1e-7);
  }
}

}  // namespace
}  // namespace assemble::nn
