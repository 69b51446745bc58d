// SPDX-License-Identifier: Apache-2.0
#include "assemble/models/loss_type.h"

#include <gmock/gmock.h>

#include <cmath>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

TEST(LossType, HasNames) {
  EXPECT_EQ(parse_loss_type("softmax"), LossType::kSoftmax);
  EXPECT_EQ(parse_loss_type("sigmoid"), LossType::kSigmoid);
  EXPECT_THAT(test::error_of<UsageError>([] { parse_loss_type("hinge"); }),
              testing::HasSubstr("expected softmax or sigmoid"));
}

TEST(ToProbabilities, AreTheSoftmaxOrTheSigmoids) {
  const torch::Tensor logits = torch::tensor({{std::log(3.f), 0.f}, {0.f, 0.f}});
  EXPECT_TRUE(
      torch::allclose(to_probabilities(logits, LossType::kSoftmax), torch::tensor({{0.75f, 0.25f}, {0.5f, 0.5f}})));
  EXPECT_TRUE(torch::allclose(to_probabilities(logits.to(torch::kDouble), LossType::kSigmoid),
                              torch::tensor({{0.75f, 0.5f}, {0.5f, 0.5f}})));
}

}  // namespace
}  // namespace assemble
