// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/depthwise_separable.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(DepthwiseSeparable, FiltersEachChannelAndThenMixesThem) {
  DepthwiseSeparable unit(DepthwiseSeparableOptions{.in_channels = 2, .out_channels = 1, .stride = 2});
  unit->eval();
  auto parameters = unit->named_parameters();
  const torch::NoGradGuard no_grad;
  parameters["conv_dw.weight"][0].fill_(1);   // sums of 3×3
  parameters["conv_dw.weight"][1].fill_(-1);  // negative: the ReLU between the convolutions removes them
  parameters["conv_pw.weight"].fill_(10);
  const torch::Tensor input = torch::ones({1, 2, 4, 4});
  test::expect_near(unit->forward(input), test::plane({{40, 60}, {60, 90}}), 1e-2);
}

TEST(DepthwiseSeparable, Relu6AndSamePaddingAreThoseOfTensorFlow) {
  DepthwiseSeparable unit(DepthwiseSeparableOptions{
      .in_channels = 1, .out_channels = 1, .stride = 2, .bn_epsilon = 3, .same_padding = true, .relu6 = true});
  unit->eval();
  auto parameters = unit->named_parameters();
  const torch::NoGradGuard no_grad;
  parameters["conv_dw.weight"].fill_(1);
  parameters["conv_pw.weight"].fill_(2);
  // Sums of 9, 6, 6 and 4 halved by 1 / √(1 + 3); times 2 and halved once more.
  test::expect_near(unit->forward(torch::ones({1, 1, 4, 4})), test::plane({{4.5, 3}, {3, 2}}), 1e-6);
  test::expect_near(unit->forward(torch::full({1, 1, 4, 4}, 100.f)), test::plane({{6, 6}, {6, 6}}), 1e-6);
}

TEST(DepthwiseSeparable, HasItsNames) {
  DepthwiseSeparable unit(DepthwiseSeparableOptions{.in_channels = 8, .out_channels = 32, .se_ratio = 2});
  EXPECT_EQ(test::parameter_names(*unit),
            (std::vector<std::string>{"conv_dw.weight", "bn1.weight", "bn1.bias", "conv_pw.weight", "bn2.weight",
                                      "bn2.bias", "se.fc1.weight", "se.fc2.weight"}));
  EXPECT_EQ(unit->named_parameters()["conv_dw.weight"].sizes(), (std::vector<int64_t>{8, 1, 3, 3}));
  EXPECT_EQ(unit->named_parameters()["se.fc1.weight"].sizes(), (std::vector<int64_t>{16, 32, 1, 1}));
}

TEST(DepthwiseSeparable, DropBlockFollowsBothBatchNorms) {
  const auto state = std::make_shared<DropBlockState>(DropBlockState{.keep_probability = 0.5});
  DepthwiseSeparableOptions options{.in_channels = 4, .out_channels = 6};
  options.drop_block = BlockDropBlock{.options = {.block_size = 1, .layer = 7}, .state = state};
  DepthwiseSeparable unit(options);
  initialise_weights(*unit, 1);
  const torch::Tensor output = unit->forward(test::random_tensor({2, 4, 8, 8}));
  const torch::Tensor dropped = drop_block_mask({.block_size = 1, .layer = 8}, *state, 6, 8, 8).eq(0);
  EXPECT_TRUE(output.masked_select(dropped.expand_as(output)).eq(0).all().item<bool>());
  EXPECT_TRUE(output.masked_select(~dropped.expand_as(output)).gt(0).any().item<bool>());
}

TEST(DepthwiseSeparable, Gradient) {
  DepthwiseSeparable unit(DepthwiseSeparableOptions{.in_channels = 4, .out_channels = 6, .stride = 2, .se_ratio = 2});
  const torch::Tensor input = test::random_tensor({3, 4, 5, 4}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(unit, input, [&](const torch::Tensor& x) { return unit->forward(x); }), 1e-4);
}

}  // namespace
}  // namespace assemble::nn
