// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/bottleneck.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

using Names = std::vector<std::string>;

BottleneckOptions projecting(ShortcutKind kind, int64_t stride = 2) {
  return {.in_channels = 6, .filters = 4, .stride = stride, .shortcut = kind, .blur_size = 3};
}

/// Runs a fresh block on random input.
torch::Tensor run(const BottleneckOptions& options, int64_t height = 7, int64_t width = 6) {
  Bottleneck block(options);
  initialise_weights(*block, 1);
  return block->forward(test::random_tensor({2, options.in_channels, height, width}));
}

TEST(Bottleneck, HasTorchvisionsNames) {
  EXPECT_EQ(test::parameter_names(*Bottleneck(projecting(ShortcutKind::kStrided))),
            (Names{"conv1.weight", "bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight", "bn2.bias", "conv3.weight",
                   "bn3.weight", "bn3.bias", "downsample.0.weight", "downsample.1.weight", "downsample.1.bias"}));
}

TEST(Bottleneck, HasTimmsNamesWithResNetDAndSqueezeExcite) {
  BottleneckOptions options = projecting(ShortcutKind::kResNetD);
  options.se_ratio = 4;
  const Names names = test::parameter_names(*Bottleneck(options));
  const Names tail(names.end() - 5, names.end());
  EXPECT_EQ(tail, (Names{"se.fc1.weight", "se.fc2.weight", "downsample.1.weight", "downsample.2.weight",
                         "downsample.2.bias"}));
}

TEST(Bottleneck, SelectiveKernelTakesThePlaceOfTheMiddle) {
  BottleneckOptions options = projecting(ShortcutKind::kIdentity, 1);
  options.selective_kernel = true;
  const Names names = test::parameter_names(*Bottleneck(options));
  EXPECT_EQ((Names(names.begin() + 3, names.begin() + 10)),
            (Names{"conv2.conv.weight", "conv2.bn.weight", "conv2.bn.bias", "conv2.fc_reduce.weight",
                   "conv2.fc_bn.weight", "conv2.fc_bn.bias", "conv2.fc_select.weight"}));
}

TEST(Bottleneck, EveryShortcutReachesTheShapeOfTheOutput) {
  for (const auto kind :
       {ShortcutKind::kStrided, ShortcutKind::kBlurred, ShortcutKind::kResNetD, ShortcutKind::kBigLittle}) {
    for (const bool blurred : {false, true}) {
      for (const bool selective : {false, true}) {
        BottleneckOptions options = projecting(kind);
        options.blur_conv = blurred;
        options.selective_kernel = selective;
        EXPECT_EQ(run(options).sizes(), (std::vector<int64_t>{2, 16, 4, 3}));
        options.stride = 1;
        EXPECT_EQ(run(options).sizes(), (std::vector<int64_t>{2, 16, 7, 6}));
      }
    }
  }
}

TEST(Bottleneck, WithZeroGammaIsReluOfItsShortcut) {
  BottleneckOptions options{.in_channels = 16, .filters = 4, .zero_gamma = true};
  Bottleneck block(options);
  initialise_weights(*block, 1);
  const torch::Tensor input = test::random_tensor({2, 16, 4, 4});
  test::expect_near(block->forward(input), input.relu(), 0);
  options.last_relu = false;
  Bottleneck linear(options);
  initialise_weights(*linear, 1);
  test::expect_near(linear->forward(input), input, 0);
}

TEST(Bottleneck, DoesNotChangeItsInput) {
  Bottleneck block(BottleneckOptions{.in_channels = 16, .filters = 4});
  initialise_weights(*block, 1);
  const torch::Tensor input = test::random_tensor({2, 16, 4, 4});
  const torch::Tensor before = input.clone();
  block->forward(input);
  EXPECT_TRUE(input.equal(before));
}

TEST(Bottleneck, BlurComesAfterTheReluOfTheMiddle) {
  // One channel through identities; the middle's bias makes a column negative, which its ReLU removes.
  BottleneckOptions options{.in_channels = 1,
                            .filters = 1,
                            .stride = 2,
                            .shortcut = ShortcutKind::kStrided,
                            .blur_size = 2,
                            .blur_conv = true,
                            .last_relu = false};
  Bottleneck block(options);
  block->eval();
  const torch::NoGradGuard no_grad;
  for (auto& item : block->named_parameters()) {
    if (item.key().find("conv") != std::string::npos || item.key() == "downsample.0.weight") item.value().zero_();
  }
  block->named_parameters()["conv1.weight"].fill_(1);
  block->named_parameters()["conv2.weight"][0][0][1][1] = 1;
  block->named_parameters()["conv3.weight"].fill_(1);
  block->named_parameters()["bn2.bias"].fill_(-1);
  // Before the blur: -1 and 2. Blurring before the ReLU would give 0.5.
  test::expect_near(block->forward(test::plane({{0, 3}, {0, 3}}))[0][0], torch::ones({1, 1}), 1e-4);
}

TEST(Bottleneck, DropBlockFollowsEveryBatchNorm) {
  const auto state = std::make_shared<DropBlockState>(DropBlockState{.keep_probability = 0.5});
  BottleneckOptions options = projecting(ShortcutKind::kStrided, 1);
  options.drop_block = BlockDropBlock{.options = {.block_size = 1, .layer = 10}, .state = state};
  options.last_relu = false;
  options.zero_gamma = true;  // leaves the shortcut: the block's output is its dropped projection
  Bottleneck block(options);
  initialise_weights(*block, 1);
  const torch::Tensor dropped = block->forward(test::random_tensor({2, 6, 8, 8}));
  const torch::Tensor mask = drop_block_mask({.block_size = 1, .layer = 13}, *state, 16, 8, 8);
  EXPECT_TRUE(dropped.eq(0).equal(mask.eq(0).expand({2, 16, 8, 8})));
}

TEST(Bottleneck, Gradient) {
  const torch::Tensor input = test::random_tensor({3, 6, 4, 4}, 2, torch::kDouble);
  for (const auto kind :
       {ShortcutKind::kStrided, ShortcutKind::kBlurred, ShortcutKind::kResNetD, ShortcutKind::kBigLittle}) {
    BottleneckOptions options = projecting(kind);
    options.blur_conv = kind == ShortcutKind::kBlurred;
    options.se_ratio = kind == ShortcutKind::kResNetD ? 4 : 0;
    options.selective_kernel = kind == ShortcutKind::kBigLittle;
    Bottleneck block(options);
    EXPECT_LT(test::module_gradient_error(block, input, [&](const torch::Tensor& x) { return block->forward(x); }),
              1e-4);
  }
}

TEST(BottleneckStack, TheLastReluIsLeftOutOnlyBehindTheFirstBlock) {
  const auto smallest = [](int64_t blocks, bool last_relu) {
    BottleneckStack stack(projecting(ShortcutKind::kStrided), blocks, last_relu);
    initialise_weights(*stack, 1);
    return stack->forward(test::random_tensor({2, 6, 8, 8})).min().item<double>();
  };
  EXPECT_EQ(smallest(1, true), 0);
  EXPECT_EQ(smallest(1, false), 0);
  EXPECT_EQ(smallest(2, true), 0);
  EXPECT_LT(smallest(2, false), 0);
}

TEST(BottleneckStack, OnlyTheFirstBlockStridesAndProjects) {
  BottleneckStack stack(projecting(ShortcutKind::kStrided), 3);
  initialise_weights(*stack, 1);
  EXPECT_EQ(stack->forward(torch::zeros({2, 6, 8, 8})).sizes(), (std::vector<int64_t>{2, 16, 4, 4}));
  int64_t projections = 0;
  for (const std::string& name : test::parameter_names(*stack)) {
    if (name.find("downsample.0") != std::string::npos) ++projections;
  }
  EXPECT_EQ(projections, 1);
}

}  // namespace
}  // namespace assemble::nn
