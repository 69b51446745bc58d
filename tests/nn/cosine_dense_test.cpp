// SPDX-License-Identifier: Apache-2.0
#include "assemble/nn/cosine_dense.h"

#include <cmath>

#include "assemble/nn/autocast.h"
#include "module_checks.h"

namespace assemble::nn {
namespace {

TEST(CosineDense, IsTheScaledCosineOfTheAngle) {
  CosineDense dense(CosineDenseOptions{.in_features = 2, .out_features = 3, .scale = 10});
  const torch::NoGradGuard no_grad;
  dense->weight.copy_(torch::tensor({5.f, 0.f, 0.f, 0.1f, -3.f, -3.f}).view({3, 2}));
  const float diagonal = 10 / std::sqrt(2.f);
  // 3-4-5 triangles of two sizes point the same way; zeros point nowhere.
  test::expect_near(dense->forward(torch::tensor({{3.f, 4.f}, {300.f, 400.f}, {0.f, 0.f}})),
                    torch::tensor({{6.f, 8.f, -1.4f * diagonal}, {6.f, 8.f, -1.4f * diagonal}, {0.f, 0.f, 0.f}}), 1e-5);
  EXPECT_EQ(test::parameter_names(*dense), std::vector<std::string>{"weight"});
}

TEST(CosineDense, Gradient) {
  CosineDense dense(CosineDenseOptions{.in_features = 4, .out_features = 3, .scale = 7});
  const torch::Tensor input = test::random_tensor({5, 4}, 2, torch::kDouble);
  EXPECT_LT(test::module_gradient_error(dense, input, [&](const torch::Tensor& x) { return dense->forward(x); }), 1e-6);
}

TEST(CosineDense, AutocastLeavesItInFullPrecision) {
  CosineDense dense(CosineDenseOptions{.in_features = 16, .out_features = 5});
  initialise_weights(*dense, 1);
  const torch::NoGradGuard no_grad;
  const torch::Tensor input = test::random_tensor({3, 16});
  const torch::Tensor wanted = dense->forward(input);
  const AutocastGuard autocast(torch::kCPU, Precision::kBf16);
  test::expect_near(dense->forward(input), wanted, 0);
  EXPECT_EQ(dense->forward(input.to(torch::kBFloat16)).scalar_type(), torch::kFloat32);
}

}  // namespace
}  // namespace assemble::nn
