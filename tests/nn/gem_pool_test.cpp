// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/gem_pool.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(GemPool, IsTheCubeRootOfTheMeanOfCubes) {
  const torch::Tensor pooled = gem_pool(test::plane({{1, 2}, {3, 4}}));
  EXPECT_EQ(pooled.sizes(), (std::vector<int64_t>{1, 1, 1, 1}));
  EXPECT_NEAR(pooled.item<double>(), 2.9240177, 1e-6);  // the cube root of 25
}

TEST(GemPool, ClipsNegativeValuesAndSmallSums) {
  EXPECT_NEAR(gem_pool(test::plane({{-1, -2}, {-3, 0}})).item<double>(), 0.01 * 0.6299605, 1e-8);
}

TEST(GemPool, ComputesNarrowTypesInF32) {
  const torch::Tensor input = torch::full({1, 1, 64, 64}, 3.0).to(torch::kBFloat16);
  const torch::Tensor pooled = gem_pool(input);
  EXPECT_EQ(pooled.scalar_type(), torch::kBFloat16);
  EXPECT_NEAR(pooled.item<double>(), 3, 0.01);
}

TEST(GemPool, Gradient) {
  const torch::Tensor input = test::random_tensor({2, 3, 3, 4}, 2, torch::kDouble).abs() + 0.1;
  EXPECT_LT(test::gradient_error([&] { return gem_pool(input); }, {input}), 1e-6);
}

}  // namespace
}  // namespace assemble::nn
