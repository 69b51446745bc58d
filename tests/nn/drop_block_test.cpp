// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/drop_block.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

DropBlockState state(double keep_probability, uint64_t seed = 1, uint32_t step = 0) {
  return {.keep_probability = keep_probability, .seed = seed, .step = step};
}

double dropped_share(const torch::Tensor& mask) { return mask.eq(0).to(torch::kDouble).mean().item<double>(); }

TEST(DropBlock, PassesThroughInEvaluationAndWithKeepProbabilityOne) {
  const auto shared = std::make_shared<DropBlockState>(state(0.5));
  DropBlock drop(DropBlockOptions{.block_size = 3}, shared);
  const torch::Tensor input = torch::ones({2, 3, 8, 8});
  drop->eval();
  EXPECT_TRUE(drop->forward(input).is_same(input));
  drop->train();
  EXPECT_FALSE(drop->forward(input).equal(input));
  shared->keep_probability = 1;
  EXPECT_TRUE(drop->forward(input).is_same(input));
}

TEST(DropBlock, MultipliesTheWholeBatchByOneMask) {
  const auto shared = std::make_shared<DropBlockState>(state(0.8));
  const DropBlockOptions options{.block_size = 3, .layer = 4};
  DropBlock drop(options, shared);
  torch::Tensor input = test::random_tensor({3, 5, 6, 7}).requires_grad_();
  const torch::Tensor mask = drop_block_mask(options, *shared, 5, 6, 7);
  ASSERT_GT(dropped_share(mask), 0);
  const torch::Tensor output = drop->forward(input);
  test::expect_near(output, input * mask, 0);
  output.sum().backward();
  test::expect_near(input.grad(), mask.expand({3, 5, 6, 7}), 0);
}

TEST(DropBlock, ZerosAreWholeSquares) {
  const torch::Tensor zeros = drop_block_mask({.block_size = 7}, state(0.7), 64, 14, 15).eq(0).to(torch::kFloat);
  // Erosion finds the places of whole squares, dilation restores what they cover.
  const torch::Tensor squares = -torch::max_pool2d(-zeros, {7, 7}, {1, 1});
  const torch::Tensor covered = torch::max_pool2d(torch::constant_pad_nd(squares, {6, 6, 6, 6}), {7, 7}, {1, 1});
  EXPECT_TRUE(covered.equal(zeros));
  EXPECT_GT(dropped_share(1 - zeros), 0.1);
}

TEST(DropBlock, IsNormalisedByTheKeptShare) {
  const torch::Tensor mask = drop_block_mask({.block_size = 7}, state(0.9), 32, 14, 14);
  EXPECT_NEAR(mask.mean().item<double>(), 1, 1e-5);
  EXPECT_NEAR(mask.max().item<double>(), 1 / (1 - dropped_share(mask)), 1e-5);
  EXPECT_TRUE(mask.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

/// Chance that a pixel is dropped: one minus that no square which covers it is drawn, averaged over the pixels.
double expected_dropped_share(int64_t size, int64_t block, double gamma) {
  double kept = 0;
  const int64_t places = size - block + 1;
  for (int64_t y = 0; y < size; ++y) {
    for (int64_t x = 0; x < size; ++x) {
      const auto covering = [&](int64_t p) {
        return std::min(p, places - 1) - std::max<int64_t>(0, p - block + 1) + 1;
      };
      kept += std::pow(1 - gamma, static_cast<double>(covering(y) * covering(x)));
    }
  }
  return 1 - kept / static_cast<double>(size * size);
}

TEST(DropBlock, DropsAsOftenAsItsGammaSays) {
  for (const double scale : {1.0, 0.25}) {
    const double gamma = scale * 0.1 * 14 * 14 / (7. * 7 * 8 * 8);
    const torch::Tensor mask = drop_block_mask({.block_size = 7, .gamma_scale = scale}, state(0.9, 3), 20000, 14, 14);
    EXPECT_NEAR(dropped_share(mask), expected_dropped_share(14, 7, gamma), 0.002) << scale;
  }
}

TEST(DropBlock, SmallMapsAreDroppedAsAWhole) {
  const torch::Tensor mask = drop_block_mask({.block_size = 7}, state(0.8), 20000, 3, 3);
  EXPECT_NEAR(dropped_share(mask), 0.2, 0.01);
  const torch::Tensor channels = mask.eq(0).to(torch::kFloat).sum({0, 2, 3});
  EXPECT_TRUE((channels.eq(0) | channels.eq(9)).all().item<bool>());
}

TEST(DropBlock, MaskIsAFunctionOfSeedStepAndLayer) {
  const auto mask = [](uint64_t seed, uint32_t step, uint32_t layer) {
    return drop_block_mask({.block_size = 3, .layer = layer}, state(0.8, seed, step), 16, 8, 8);
  };
  EXPECT_TRUE(mask(1, 2, 3).equal(mask(1, 2, 3)));
  EXPECT_FALSE(mask(1, 2, 3).equal(mask(2, 2, 3)));
  EXPECT_FALSE(mask(1, 2, 3).equal(mask(1, 3, 3)));
  EXPECT_FALSE(mask(1, 2, 3).equal(mask(1, 2, 4)));
}

TEST(DropBlock, SquaresBeginAtTheirCentresAndAreNormalised) {
  torch::manual_seed(5);
  constexpr int64_t kBlock = 3, kRows = 6, kColumns = 4;
  const torch::Tensor centres = torch::rand({1, 5, kRows, kColumns}).lt(0.1).to(torch::kFloat);
  torch::Tensor wanted = torch::ones({1, 5, kRows + kBlock - 1, kColumns + kBlock - 1});
  for (int64_t c = 0; c < 5; ++c) {
    for (int64_t y = 0; y < kRows; ++y) {
      for (int64_t x = 0; x < kColumns; ++x) {
        if (centres[0][c][y][x].item<float>() == 0) continue;
        wanted[0][c].slice(0, y, y + kBlock).slice(1, x, x + kBlock).fill_(0);
      }
    }
  }
  ASSERT_GT(dropped_share(wanted), 0.1);
  wanted *= static_cast<double>(wanted.numel()) / wanted.sum().item<double>();
  test::expect_near(drop_squares(centres, kBlock), wanted, 1e-6);
  test::expect_near(drop_squares(torch::zeros({1, 2, 3, 3}), 1), torch::ones({1, 2, 3, 3}), 0);
}

/// Where the device draws, it drops as much as on the host, and the same again from the same seed.
TEST(DropBlock, DrawsOnTheDeviceAtTheSameRate) {
  const DropBlockOptions options{.block_size = 5};
  const auto on_device = std::make_shared<DropBlockState>(state(0.85));
  on_device->keep = torch::full({}, 0.85);
  DropBlock drop(options, on_device);
  const torch::Tensor input = torch::ones({2, 512, 14, 12});
  torch::manual_seed(11);
  const torch::Tensor output = drop->forward(input);
  EXPECT_TRUE(output[0].equal(output[1])) << "one mask for the batch";
  EXPECT_NEAR(output.mean().item<double>(), 1, 1e-4);
  const double wanted = dropped_share(drop_block_mask(options, state(0.85), 512, 14, 12));
  EXPECT_NEAR(dropped_share(output), wanted, 0.01);
  EXPECT_FALSE(drop->forward(input).equal(output));
  torch::manual_seed(11);
  EXPECT_TRUE(drop->forward(input).equal(output));
  on_device->keep.fill_(1);
  EXPECT_TRUE(drop->forward(input).equal(input));
  drop->eval();
  EXPECT_TRUE(drop->forward(input).is_same(input));
}

}  // namespace
}  // namespace assemble::nn
