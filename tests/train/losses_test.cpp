// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/losses.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "test_support.h"

namespace assemble {
namespace {

const torch::Tensor kLogits = torch::tensor({{1.f, 2.f, 3.f}, {0.f, 0.f, 0.f}});
const torch::Tensor kLabels = torch::tensor({{0.f, 0.f, 1.f}, {1.f, 0.f, 0.f}});

TEST(Losses, SoftmaxIsTheMeanOverTheBatch) {
  // -log softmax: 0.40760596 for the first row, log 3 for the second.
  EXPECT_NEAR(classification_loss(LossType::kSoftmax, kLogits, kLabels, 0).item<double>(),
              (0.40760596 + 1.09861229) / 2, 1e-6);
}

TEST(Losses, PriorsAreAddedToTheLogits) {
  const torch::Tensor priors = torch::tensor({0.6f, 0.3f, 0.1f}).log();
  const auto loss = [&](const torch::Tensor& labels) {
    return classification_loss(LossType::kSoftmax, kLogits, labels, 0, {}, priors).item<double>();
  };
  EXPECT_NEAR(loss(kLabels), (1.07009279 + 0.51082562) / 2, 1e-6);
  EXPECT_NEAR(loss(torch::tensor({{0.f, 0.5f, 0.5f}, {1.f, 0.f, 0.f}})), (1.02078664 + 0.51082562) / 2, 1e-6);
}

TEST(Losses, SmoothingSpreadsTheLabelOverAllClasses) {
  // First row: 0.9 · 0.40760596 + 0.1 · mean(2.40760596, 1.40760596, 0.40760596); the second row has no preference.
  const double first = 0.9 * 0.40760596 + 0.1 * 1.40760596;
  EXPECT_NEAR(classification_loss(LossType::kSoftmax, kLogits, kLabels, 0.1).item<double>(), (first + 1.09861229) / 2,
              1e-6);
}

TEST(Losses, SigmoidIsDividedByTheSumOfTheLabels) {
  // Σ softplus(x) - x·t: softplus(1) + softplus(2) + softplus(3) - 3 + 3 log 2, over two labels.
  const double sum = 1.31326169 + 2.12692801 + 3.04858735 - 3 + 3 * 0.69314718;
  EXPECT_NEAR(classification_loss(LossType::kSigmoid, kLogits, kLabels, 0).item<double>(), sum / 2, 1e-6);
}

/// Keys of the losses are LABELS/SMOOTHING/THRESHOLD.
TEST(Losses, SigmoidAveragedOverClassesIsThatOfTimm) {
  const auto stored =
      nlohmann::json::parse(test::read_text(test::stored_golden("techniques/binary_cross_entropy.json")));
  const auto read = [&](const char* key) {
    return torch::tensor(stored.at(key).get<std::vector<float>>()).view({5, 4});
  };
  const torch::Tensor hard = one_hot_labels(torch::tensor(stored.at("labels").get<std::vector<int64_t>>()), 4);
  EXPECT_EQ(stored.at("losses").size(), 6u);
  for (const auto& [key, loss] : stored.at("losses").items()) {
    const std::vector<std::string> parts = split(key, '/');
    const SigmoidOptions options{SigmoidDivisor::kClasses, std::stod(parts[2])};
    const torch::Tensor labels = parts[0] == "hard" ? hard : read("soft");
    EXPECT_NEAR(
        classification_loss(LossType::kSigmoid, read("logits"), labels, std::stod(parts[1]), options).item<double>(),
        loss.get<double>(), 1e-6)
        << key;
  }
}

TEST(Losses, JensenShannonWithCrossEntropyIsThatOfTimm) {
  const auto stored = nlohmann::json::parse(test::read_text(test::stored_golden("techniques/aug_mix.json")));
  // timm has all first views, then all second ones.
  const torch::Tensor logits =
      torch::tensor(stored.at("logits").get<std::vector<float>>()).view({3, 4, 5}).transpose(0, 1);
  const torch::Tensor labels = one_hot_labels(torch::tensor(stored.at("labels").get<std::vector<int64_t>>()), 5);
  const torch::Tensor loss =
      classification_loss(LossType::kSoftmax, logits.select(1, 0), labels, 0) + 12 * jensen_shannon(logits);
  EXPECT_NEAR(loss.item<double>(), stored.at("loss").get<double>(), 1e-5);
  EXPECT_EQ(jensen_shannon(torch::ones({2, 3, 4})).item<double>(), 0);
}

TEST(Losses, LowPrecisionLogitsAreWidenedFirst) {
  const torch::Tensor loss = classification_loss(LossType::kSoftmax, kLogits.to(torch::kBFloat16), kLabels, 0);
  EXPECT_EQ(loss.scalar_type(), torch::kFloat32);
  EXPECT_NEAR(loss.item<double>(), (0.40760596 + 1.09861229) / 2, 1e-6);
}

TEST(Losses, DistillationScalesWithTheSquaredTemperature) {
  const torch::Tensor teacher = torch::softmax(kLogits / 2, 1);
  // With the teacher's own logits the cross-entropy is the teacher's entropy.
  const double entropy = -(teacher * teacher.log()).sum().item<double>() / 2;
  EXPECT_NEAR(distillation_loss(kLogits, teacher, 2).item<double>(), 4 * entropy, 1e-5);
}

TEST(Losses, GradientOfTheSoftmaxLossIsProbabilityMinusLabel) {
  const torch::Tensor logits = kLogits.clone().requires_grad_();
  classification_loss(LossType::kSoftmax, logits, kLabels, 0.1).backward();
  const torch::Tensor expected = (torch::softmax(kLogits, 1) - (kLabels * 0.9 + 0.1 / 3)) / 2;
  EXPECT_TRUE(torch::allclose(logits.grad(), expected, 1e-5, 1e-7));
}

TEST(Losses, UnknownNameIsAnError) { EXPECT_THROW(parse_loss_type("hinge"), UsageError); }

/// Images without any class are all that a batch may hold.
TEST(Losses, SigmoidTakesImagesWithoutAClass) {
  const torch::Tensor logits = torch::tensor({{-1.0F, 0.5F}, {2.0F, -3.0F}}), none = torch::zeros({2, 2});
  const double sum = torch::binary_cross_entropy_with_logits(logits, none, {}, {}, at::Reduction::Sum).item<double>();
  EXPECT_NEAR(classification_loss(LossType::kSigmoid, logits, none, 0).item<double>(), sum, 1e-6);
  EXPECT_NEAR(
      classification_loss(LossType::kSigmoid, logits, none, 0, {.divisor = SigmoidDivisor::kClasses}).item<double>(),
      sum / 4, 1e-6);
}

}  // namespace
}  // namespace assemble
