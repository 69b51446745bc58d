// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/selective_kernel.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(SelectiveKernel, WeighsTheTwoHalves) {
  SelectiveKernel sk(SelectiveKernelOptions{.in_channels = 1, .filters = 1});
  sk->eval();
  test::make_transparent(sk->bn);
  test::make_transparent(sk->fc_bn);
  const torch::NoGradGuard no_grad;
  sk->conv->weight.zero_();
  sk->conv->weight[0][0][1][1] = 1;  // a = x
  sk->conv->weight[1][0][1][1] = 2;  // b = 2 x
  sk->fc_reduce->weight.zero_();
  sk->fc_reduce->weight[0] = 1;  // z = mean(a + b) = 3
  sk->fc_select->weight.zero_();
  sk->fc_select->weight[0][0] = std::log(3.0) / 3;  // e^u = 3, e^v = 1
  test::expect_near(sk->forward(torch::ones({1, 1, 2, 2})), torch::full({1, 1, 2, 2}, 0.75 * 1 + 0.25 * 2), 1e-6);
}

TEST(SelectiveKernel, EqualsTheSoftmaxOverBothHalves) {
  SelectiveKernel sk(SelectiveKernelOptions{.in_channels = 6, .filters = 8, .stride = 2});
  initialise_weights(*sk, 4);
  const torch::Tensor input = test::random_tensor({3, 6, 7, 8});
  const torch::Tensor fast = sk->forward(input);

  const torch::Tensor paths = sk->bn->forward(sk->conv->forward(input)).relu();
  const torch::Tensor halves = torch::stack(paths.chunk(2, 1));
  const torch::Tensor mean = halves.sum(0).mean({2, 3}, true);
  const torch::Tensor logits = sk->fc_select->forward(sk->fc_bn->forward(sk->fc_reduce->forward(mean)).relu());
  const torch::Tensor weights = torch::stack(logits.chunk(2, 1)).softmax(0);
  test::expect_near(fast, (halves * weights).sum(0), 1e-5);
  EXPECT_EQ(fast.sizes(), (std::vector<int64_t>{3, 8, 4, 4}));
}

TEST(SelectiveKernel, CodeHasHalfTheFiltersButAtLeast32) {
  SelectiveKernel narrow(SelectiveKernelOptions{.in_channels = 4, .filters = 8});
  SelectiveKernel wide(SelectiveKernelOptions{.in_channels = 4, .filters = 128});
  EXPECT_EQ(narrow->fc_reduce->weight.sizes(), (std::vector<int64_t>{32, 8, 1, 1}));
  EXPECT_EQ(wide->fc_reduce->weight.sizes(), (std::vector<int64_t>{64, 128, 1, 1}));
  EXPECT_EQ(wide->fc_select->weight.sizes(), (std::vector<int64_t>{256, 64, 1, 1}));
}

TEST(SelectiveKernel, Gradient) {
  SelectiveKernel sk(SelectiveKernelOptions{.in_channels = 2, .filters = 2});
  const torch::Tensor input = test::random_tensor({4, 2, 3, 3}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(sk, input, [&](const torch::Tensor& x) { return sk->forward(x); }), 1e-5);
}

}  // namespace
}  // namespace assemble::nn
