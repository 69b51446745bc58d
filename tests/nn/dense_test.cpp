// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/dense.h"

#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(Dense, MultipliesAndAddsTheBias) {
  Dense dense(DenseOptions{.in_features = 2, .out_features = 3, .bias = -4});
  const torch::NoGradGuard no_grad;
  dense->weight.copy_(torch::tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}).view({3, 2}));
  test::expect_near(dense->forward(torch::tensor({{1.f, 10.f}})), torch::tensor({{17.f, 39.f, 61.f}}), 0);
}

TEST(Dense, Gradient) {
  Dense dense(DenseOptions{.in_features = 3, .out_features = 2});
  const torch::Tensor input = test::random_tensor({4, 3}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(dense, input, [&](const torch::Tensor& x) { return dense->forward(x); }), 1e-7);
}

}  // namespace
}  // namespace assemble::nn
