// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/squeeze_excite.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(SqueezeExcite, ScalesChannelsByTheirExcitation) {
  SqueezeExcite se(SqueezeExciteOptions{.channels = 2, .ratio = 2});
  {
    const torch::NoGradGuard no_grad;
    se->fc1->weight.fill_(0.5);
    se->fc2->weight.copy_(torch::tensor({0.f, std::log(3.f) / 2}).view({2, 1, 1, 1}));
  }
  // Means 1 and 3 give the code 2; sigmoid(0) = 0.5 and sigmoid(log 3) = 0.75.
  const torch::Tensor input = torch::tensor({0.f, 2.f, 2.f, 4.f}).view({1, 2, 1, 2});
  test::expect_near(se->forward(input), torch::tensor({0.f, 1.f, 1.5f, 3.f}).view({1, 2, 1, 2}), 1e-6);
}

TEST(SqueezeExcite, HasNoBiasesAndAtLeastOneChannel) {
  SqueezeExcite se(SqueezeExciteOptions{.channels = 8, .ratio = 16});
  EXPECT_EQ(test::parameter_names(*se), (std::vector<std::string>{"fc1.weight", "fc2.weight"}));
  EXPECT_EQ(se->fc1->weight.sizes(), (std::vector<int64_t>{1, 8, 1, 1}));
}

TEST(SqueezeExcite, BiasesAreAddedAndStartAtZero) {
  SqueezeExcite se(SqueezeExciteOptions{.channels = 1, .ratio = 1, .bias = true});
  EXPECT_EQ(se->fc1->bias.item<float>(), 0);
  const torch::NoGradGuard no_grad;
  se->fc1->weight.fill_(1);
  se->fc1->bias.fill_(-1);
  se->fc2->weight.fill_(1);
  se->fc2->bias.fill_(std::log(3.f) - 1);
  // The mean 2 gives the code 1; sigmoid(1 + log 3 - 1) = 0.75.
  test::expect_near(se->forward(torch::full({1, 1, 1, 2}, 2.f)), torch::full({1, 1, 1, 2}, 1.5f), 1e-6);
}

TEST(SqueezeExcite, Gradient) {
  SqueezeExcite se(SqueezeExciteOptions{.channels = 4, .ratio = 2});
  const torch::Tensor input = test::random_tensor({2, 4, 3, 3}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(se, input, [&](const torch::Tensor& x) { return se->forward(x); }), 1e-6);
}

}  // namespace
}  // namespace assemble::nn
