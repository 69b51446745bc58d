// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/conv_bn.h"

#include "assemble/nn/dense.h"
#include "module_checks.h"

namespace assemble::nn {
namespace {

using test::expect_near;
using test::plane;
using test::random_tensor;

TEST(Conv, PadsByOneOnBothSidesAtStrideTwo) {
  Conv conv(ConvOptions{.in_channels = 1, .out_channels = 1, .kernel = 3, .stride = 2});
  torch::nn::init::ones_(conv->weight);
  const torch::Tensor input = torch::arange(16.f).view({1, 1, 4, 4});
  expect_near(conv->forward(input), plane({{10, 24}, {51, 90}}), 0);
}

TEST(Conv, SamePaddingIsAtTheEndOfEvenSides) {
  Conv conv(ConvOptions{.in_channels = 1, .out_channels = 1, .kernel = 3, .stride = 2, .same_padding = true});
  torch::nn::init::ones_(conv->weight);
  expect_near(conv->forward(torch::arange(16.f).view({1, 1, 4, 4})), plane({{45, 39}, {66, 50}}), 0);
  expect_near(conv->forward(torch::ones({1, 1, 3, 4})), plane({{6, 4}, {6, 4}}), 0);
  Conv still(ConvOptions{.in_channels = 1, .out_channels = 1, .kernel = 3, .same_padding = true});
  torch::nn::init::ones_(still->weight);
  expect_near(still->forward(torch::ones({1, 1, 2, 2})), plane({{4, 4}, {4, 4}}), 0);
}

TEST(Conv, KeepsTheSizeAtStrideOneAndHalvesUpwards) {
  for (const int64_t kernel : {1, 3, 7}) {
    Conv same(ConvOptions{.in_channels = 2, .out_channels = 5, .kernel = kernel});
    Conv half(ConvOptions{.in_channels = 2, .out_channels = 5, .kernel = kernel, .stride = 2});
    EXPECT_EQ(same->forward(torch::zeros({1, 2, 9, 8})).sizes(), (std::vector<int64_t>{1, 5, 9, 8}));
    EXPECT_EQ(half->forward(torch::zeros({1, 2, 9, 8})).sizes(), (std::vector<int64_t>{1, 5, 5, 4}));
  }
}

TEST(Conv, WeightIsChannelsLastAndThereIsNoBias) {
  Conv conv(ConvOptions{.in_channels = 4, .out_channels = 6, .kernel = 3, .groups = 2});
  EXPECT_EQ(conv->weight.sizes(), (std::vector<int64_t>{6, 2, 3, 3}));
  EXPECT_TRUE(conv->weight.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_EQ(test::parameter_names(*conv), (std::vector<std::string>{"weight"}));
}

TEST(Conv, RefusesAnEvenKernel) {
  EXPECT_THROW(Conv(ConvOptions{.in_channels = 1, .out_channels = 1, .kernel = 2}), c10::Error);
}

TEST(BatchNorm, RunningVarianceIsUnbiased) {
  BatchNorm bn = make_batch_norm(1, 0.9);
  const torch::Tensor output = bn->forward(torch::tensor({1.f, 3.f}).view({2, 1, 1, 1}));
  expect_near(output.flatten(), torch::tensor({-0.999995f, 0.999995f}), 1e-6);
  EXPECT_NEAR(bn->running_mean.item<double>(), 0.1 * 2, 1e-6);
  EXPECT_NEAR(bn->running_var.item<double>(), 0.9 + 0.1 * 2, 1e-6);  // the biased variance is 1
}

TEST(BatchNorm, ZeroGamma) {
  EXPECT_EQ(make_batch_norm(3, 0.9, true)->weight.abs().sum().item<double>(), 0);
  EXPECT_EQ(make_batch_norm(3, 0.9, false)->weight.sum().item<double>(), 3);
}

TEST(ConvBn, ReluIsOptional) {
  for (const bool relu : {false, true}) {
    ConvBn module(ConvBnOptions{.conv = {.in_channels = 1, .out_channels = 1}, .relu = relu});
    torch::nn::init::constant_(module->conv->weight, -2);
    test::make_transparent(module->bn);
    module->eval();
    expect_near(module->forward(plane({{1, -1}})), relu ? plane({{0, 2}}) : plane({{-2, 2}}), 1e-6);
  }
}

TEST(ConvBn, NamesAreThoseOfASequential) {
  ConvBn module(ConvBnOptions{.conv = {.in_channels = 1, .out_channels = 1}});
  EXPECT_EQ(test::parameter_names(*module), (std::vector<std::string>{"0.weight", "1.weight", "1.bias"}));
}

TEST(ConvBn, Gradient) {
  ConvBn module(ConvBnOptions{.conv = {.in_channels = 3, .out_channels = 4, .kernel = 3, .stride = 2}});
  const torch::Tensor input = random_tensor({2, 3, 5, 4}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(module, input, [&](const torch::Tensor& x) { return module->forward(x); }),
            1e-6);
}

TEST(InitialiseWeights, ConvolutionsHaveVarianceOneOverFanIn) {
  Conv conv(ConvOptions{.in_channels = 64, .out_channels = 128, .kernel = 3});
  initialise_weights(*conv, 5);
  const double fan_in = 64 * 9;
  EXPECT_NEAR(conv->weight.var().item<double>() * fan_in, 1, 0.02);
  EXPECT_NEAR(conv->weight.mean().item<double>(), 0, 0.001);
  // Two deviations of the normal before truncation.
  const double limit = 2 * std::sqrt(1 / fan_in) / 0.87962566;
  EXPECT_LE(conv->weight.abs().max().item<double>(), limit * (1 + 1e-6));
  EXPECT_GE(conv->weight.abs().max().item<double>(), limit * 0.98);
}

TEST(InitialiseWeights, DenseLayersAreGlorotUniform) {
  Dense dense(DenseOptions{.in_features = 300, .out_features = 100, .bias = 0.5});
  initialise_weights(*dense, 5);
  const double limit = std::sqrt(6.0 / 400);
  EXPECT_LE(dense->weight.abs().max().item<double>(), limit);
  EXPECT_NEAR(dense->weight.var().item<double>(), limit * limit / 3, limit * limit / 3 * 0.03);
  EXPECT_EQ(dense->bias.sum().item<double>(), 50);
}

TEST(InitialiseWeights, DependOnTheSeedAlone) {
  Conv first(ConvOptions{.in_channels = 3, .out_channels = 4, .kernel = 3});
  Conv second(ConvOptions{.in_channels = 3, .out_channels = 4, .kernel = 3});
  torch::manual_seed(1);
  initialise_weights(*first, 7);
  torch::manual_seed(2);
  initialise_weights(*second, 7);
  EXPECT_TRUE(first->weight.equal(second->weight));
  initialise_weights(*second, 8);
  EXPECT_FALSE(first->weight.equal(second->weight));
}

}  // namespace
}  // namespace assemble::nn
