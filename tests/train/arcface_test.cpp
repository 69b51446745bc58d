// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/arcface.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <numbers>

#include "../nn/module_checks.h"
#include "assemble/train/losses.h"

namespace assemble {
namespace {

constexpr double kScale = 16;

/// Logits of a class at the angles, degrees; the second class is at a right angle.
torch::Tensor at_angles(const std::vector<double>& degrees) {
  torch::Tensor logits = torch::zeros({static_cast<int64_t>(degrees.size()), 2}, torch::kDouble);
  for (size_t i = 0; i < degrees.size(); ++i) {
    logits[static_cast<int64_t>(i)][0] = kScale * std::cos(degrees[i] * std::numbers::pi / 180);
  }
  return logits;
}

torch::Tensor first_class(int64_t rows) {
  return one_hot_labels(torch::zeros({rows}, torch::kLong), 2).to(torch::kDouble);
}

TEST(ArcFace, AddsTheMarginToTheAngleOfTheOwnClass) {
  const double margin = 0.3;
  for (const double degrees : {5.0, 40.0, 90.0, 120.0, 160.0}) {
    const torch::Tensor moved = arcface_logits(at_angles({degrees}), first_class(1), kScale, margin);
    EXPECT_NEAR(moved[0][0].item<double>(), kScale * std::cos(degrees * std::numbers::pi / 180 + margin), 1e-6);
    EXPECT_EQ(moved[0][1].item<double>(), 0);
  }
  const torch::Tensor logits = at_angles({30});
  EXPECT_TRUE(arcface_logits(logits, first_class(1), kScale, 0).equal(logits));
}

/// Beyond π - m the cosine would rise again: farther away would cost less.
TEST(ArcFace, FallsWithTheAngleAllTheWay) {
  std::vector<double> degrees;
  for (int d = 1; d < 180; ++d) degrees.push_back(d);
  const torch::Tensor own =
      arcface_logits(at_angles(degrees), first_class(static_cast<int64_t>(degrees.size())), kScale, 0.5).select(1, 0);
  EXPECT_LT(own.diff().max().item<double>(), 0);
  EXPECT_NEAR(own[-1].item<double>(), kScale * (std::cos(179 * std::numbers::pi / 180) - 0.5 * std::sin(0.5)), 1e-6);
}

TEST(ArcFace, Gradient) {
  torch::Tensor logits = at_angles({20, 75, 100, 150, 170});
  const torch::Tensor labels = first_class(5);
  EXPECT_LT(test::gradient_error([&] { return arcface_logits(logits, labels, kScale, 0.3); }, {logits}), 1e-6);
}

TEST(ArcFace, IsFiniteWhereTheCosineIsOne) {
  const torch::Tensor logits = torch::tensor({{30.f, -30.f}, {-30.f, 30.f}}).requires_grad_();
  const torch::Tensor labels = first_class(2).to(torch::kFloat);
  const torch::Tensor loss =
      classification_loss(LossType::kArcFace, arcface_logits(logits, labels, 30, 0.3), labels, 0);
  loss.backward();
  EXPECT_TRUE(std::isfinite(loss.item<double>()));
  EXPECT_TRUE(logits.grad().isfinite().all().item<bool>()) << logits.grad();
}

/// The loss by its formula, written out for one image.
TEST(ArcFace, LossIsThatOfTheFormula) {
  const torch::Tensor logits = torch::tensor({{8.f, -4.f, 2.f}});
  const torch::Tensor labels = torch::tensor({{0.f, 0.f, 1.f}});
  const double own = kScale * std::cos(std::acos(2.0 / kScale) + 0.3);
  const double wanted = std::log(std::exp(8.0) + std::exp(-4.0) + std::exp(own)) - own;
  const torch::Tensor loss =
      classification_loss(LossType::kArcFace, arcface_logits(logits, labels, kScale, 0.3), labels, 0);
  EXPECT_NEAR(loss.item<double>(), wanted, 1e-5);
}

}  // namespace
}  // namespace assemble
