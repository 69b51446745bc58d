// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/big_little.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

using test::plane;

int64_t count_blocks(const torch::nn::Module& module, const std::string& branch) {
  int64_t count = 0;
  for (const std::string& name : test::parameter_names(module)) {
    if (name.rfind(branch, 0) == 0 && name.find(".conv1.weight") != std::string::npos) ++count;
  }
  return count;
}

BigLittleStageOptions stage_options(int64_t blocks, int64_t alpha = 2, int64_t beta = 4) {
  return {.block = {.in_channels = 6, .filters = 4}, .blocks = blocks, .alpha = alpha, .beta = beta};
}

TEST(BigLittleShortcutPool, CountsTheBorderOfZeros) {
  const torch::Tensor pooled = big_little_shortcut_pool(torch::full({1, 1, 4, 4}, 9.f), 2);
  test::expect_near(pooled, plane({{4, 6}, {6, 9}}), 1e-5);
  const torch::Tensor input = torch::ones({1, 1, 3, 3});
  EXPECT_TRUE(big_little_shortcut_pool(input, 1).is_same(input));
}

TEST(BigLittleUpsample, RepeatsPixels) {
  test::expect_near(big_little_upsample(plane({{1, -1}})), plane({{1, 1, -1, -1}, {1, 1, -1, -1}}), 0);
  const torch::Tensor big = test::random_tensor({2, 3, 2, 3}, 1, torch::kDouble);
  EXPECT_LT(test::gradient_error([&] { return big_little_upsample(big); }, {big}), 1e-6);
}

TEST(BigLittleStem, HalvesTheSizeAndKeepsTheChannels) {
  BigLittleStem stem(BigLittleStemOptions{.channels = 8, .alpha = 2});
  initialise_weights(*stem, 1);
  EXPECT_EQ(stem->forward(torch::zeros({2, 8, 12, 8})).sizes(), (std::vector<int64_t>{2, 8, 6, 4}));
  const auto parameters = stem->named_parameters();
  EXPECT_EQ(parameters["big.0.weight"].sizes(), (std::vector<int64_t>{8, 8, 3, 3}));
  EXPECT_EQ(parameters["little.0.0.weight"].sizes(), (std::vector<int64_t>{4, 8, 3, 3}));
  EXPECT_EQ(parameters["little.1.0.weight"].sizes(), (std::vector<int64_t>{4, 4, 3, 3}));
  EXPECT_EQ(parameters["little.2.0.weight"].sizes(), (std::vector<int64_t>{8, 4, 1, 1}));
  EXPECT_EQ(parameters["merge.0.weight"].sizes(), (std::vector<int64_t>{8, 8, 1, 1}));
}

TEST(BigLittleStem, Gradient) {
  BigLittleStem stem(BigLittleStemOptions{.channels = 4, .alpha = 2});
  const torch::Tensor input = test::random_tensor({3, 4, 4, 4}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(stem, input, [&](const torch::Tensor& x) { return stem->forward(x); }), 1e-4);
}

TEST(BigLittleStage, BranchesHaveTheirSizes) {
  for (const int64_t merge_stride : {1, 2}) {
    BigLittleStageOptions options = stage_options(3);
    options.merge_stride = merge_stride;
    BigLittleStage stage(options);
    initialise_weights(*stage, 1);
    const BigLittleActivations parts = stage->forward(torch::zeros({2, 6, 8, 4}));
    EXPECT_EQ(parts.big.sizes(), (std::vector<int64_t>{2, 16, 4, 2}));
    EXPECT_EQ(parts.little.sizes(), (std::vector<int64_t>{2, 8, 8, 4}));
    EXPECT_EQ(parts.merged.sizes(), (std::vector<int64_t>{2, 16, 8 / merge_stride, 4 / merge_stride}));
  }
}

TEST(BigLittleStage, BranchesHaveTheirDepths) {
  struct Case {
    int64_t blocks, beta, little;
  };
  for (const Case& c : {Case{3, 4, 1}, Case{8, 4, 1}, Case{12, 4, 2}, Case{30, 2, 14}, Case{5, 2, 1}}) {
    BigLittleStage stage(stage_options(c.blocks, 1, c.beta));
    EXPECT_EQ(count_blocks(*stage, "big."), c.blocks - 1);
    EXPECT_EQ(count_blocks(*stage, "little."), c.little);
    EXPECT_EQ(stage->drop_block_layers(), 4 * (c.blocks + c.little));
  }
}

TEST(BigLittleStage, Gradient) {
  BigLittleStage stage(stage_options(2));
  const torch::Tensor input = test::random_tensor({3, 6, 4, 4}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(stage, input, [&](const torch::Tensor& x) { return stage->forward(x).merged; }),
            1e-4);
}

}  // namespace
}  // namespace assemble::nn
