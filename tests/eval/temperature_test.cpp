// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/temperature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/random.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

/// Logits whose softmax, divided by `temperature`, says how often their answers are right: labels are drawn from it.
struct Sampled {
  Matrix logits;
  std::vector<int64_t> labels;
};

Sampled sample(int64_t images, double temperature) {
  Sampled sampled{Matrix(images, 3), {}};
  Random random(1, RandomPurpose::kDraw);
  for (int64_t i = 0; i < images; ++i) {
    for (float& logit : sampled.logits.row(i)) logit = static_cast<float>(3 * random.normal());
    double sum = 0;
    for (const float logit : sampled.logits.row(i)) sum += std::exp(logit / temperature);
    double place = random.uniform() * sum;
    int64_t label = 0;
    while (label < 2 && (place -= std::exp(sampled.logits.row(i)[static_cast<size_t>(label)] / temperature)) > 0)
      ++label;
    sampled.labels.push_back(label);
  }
  return sampled;
}

TEST(Temperature, IsFoundAgain) {
  for (const double temperature : {0.4, 1.0, 2.5}) {
    const Sampled sampled = sample(20000, temperature);
    EXPECT_NEAR(fit_temperature(sampled.logits, sampled.labels, LossType::kSoftmax), temperature, 0.04 * temperature);
  }
}

/// Two of three images that look alike are of the first class: its probability is 2/3 where 1 / T = ln 2.
TEST(Temperature, HasTheLeastLoss) {
  const Matrix logits = test::matrix({{1, 0}, {1, 0}, {1, 0}});
  const std::vector<int64_t> labels{0, 0, 1};
  EXPECT_NEAR(fit_temperature(logits, labels, LossType::kSoftmax), 1 / std::log(2.0), 1e-4);
  const Calibration best = measure_calibration(logits, labels, LossType::kSoftmax, 1 / std::log(2.0));
  EXPECT_NEAR(best.loss, -(2 * std::log(2.0 / 3) + std::log(1.0 / 3)) / 3, 1e-6);
  EXPECT_NEAR(best.ece, 0, 1e-6);
}

TEST(Temperature, CalibratesImagesThatItWasNotFittedTo) {
  const Sampled sampled = sample(4000, 2.5);
  const Calibration before = measure_calibration(sampled.logits, sampled.labels, LossType::kSoftmax);
  const Calibration after = cross_fitted(sampled.logits, sampled.labels, LossType::kSoftmax);
  EXPECT_GT(before.ece, 0.1);
  EXPECT_LT(after.ece, 0.03);
  EXPECT_LT(after.loss, before.loss);
}

TEST(Temperature, NeedsImages) {
  EXPECT_THAT(test::error_of<UsageError>([] { fit_temperature(Matrix(0, 3), {}, LossType::kSoftmax); }),
              testing::HasSubstr("of 0 images with 0 labels"));
  const std::vector<int64_t> one{0};
  EXPECT_THAT(test::error_of<UsageError>([&] { cross_fitted(Matrix(1, 3), one, LossType::kSoftmax); }),
              testing::HasSubstr("it needs two or more"));
}

}  // namespace
}  // namespace assemble
