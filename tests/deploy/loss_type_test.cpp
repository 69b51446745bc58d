// SPDX-License-Identifier: Apache-2.0
#include "assemble/deploy/loss_type.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>

#include "assemble/core/error.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

TEST(LossType, HasNames) {
  EXPECT_EQ(parse_loss_type("softmax"), LossType::kSoftmax);
  EXPECT_EQ(parse_loss_type("sigmoid"), LossType::kSigmoid);
  EXPECT_THAT(test::error_of<UsageError>([] { parse_loss_type("hinge"); }), HasSubstr("expected softmax, sigmoid, cosine or arcface"));
}

TEST(ToProbabilities, AreTheSoftmaxOrTheSigmoids) {
  const Matrix logits = test::matrix({{std::log(3.f), 0.f}, {0.f, 0.f}});
  EXPECT_LT(test::relative_difference(to_probabilities(logits, LossType::kSoftmax),
                                      test::matrix({{0.75f, 0.25f}, {0.5f, 0.5f}})),
            1e-6);
  EXPECT_LT(test::relative_difference(to_probabilities(logits, LossType::kSigmoid),
                                      test::matrix({{0.75f, 0.5f}, {0.5f, 0.5f}})),
            1e-6);
}

TEST(ToProbabilities, OfNoImagesAreNone) {
  EXPECT_TRUE(test::same(to_probabilities(Matrix(0, 4), LossType::kSoftmax), Matrix(0, 4)));
}

TEST(ToProbabilities, DoNotOverflow) {
  const Matrix logits = test::matrix({{3e38f, -3e38f, 0.f}});
  EXPECT_TRUE(test::same(to_probabilities(logits, LossType::kSoftmax), test::matrix({{1, 0, 0}})));
  EXPECT_TRUE(test::same(to_probabilities(logits, LossType::kSigmoid), test::matrix({{1, 0, 0.5f}})));
}

TEST(LogProbabilities, AreExactWhereProbabilitiesAreNot) {
  const std::array<float, 3> logits{200.f, 0.f, -200.f};
  std::array<double, 3> logs{}, others{};
  log_probabilities(logits, LossType::kSoftmax, logs);
  EXPECT_DOUBLE_EQ(logs[0], 0);
  EXPECT_DOUBLE_EQ(logs[1], -200);
  EXPECT_DOUBLE_EQ(logs[2], -400);
  log_probabilities(logits, LossType::kSigmoid, logs, others);
  EXPECT_DOUBLE_EQ(logs[0], -std::exp(-200.0));
  EXPECT_DOUBLE_EQ(logs[1], -std::log(2.0));
  EXPECT_DOUBLE_EQ(logs[2], -200);
  for (size_t c = 0; c < logits.size(); ++c) EXPECT_DOUBLE_EQ(others[c], logs[2 - c]) << "ln(1 - σ(x)) = ln σ(-x)";
}

}  // namespace
}  // namespace assemble
