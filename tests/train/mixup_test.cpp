// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/mixup.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/file.h"
#include "test_support.h"

namespace assemble {
namespace {

LabelledBatch four_images() {
  const torch::Tensor images = torch::arange(4, torch::kFloat32).view({4, 1, 1, 1}).expand({4, 3, 2, 2}).clone();
  return {images, torch::eye(4), {}};
}

TEST(Mixup, HalvesOfADoubleBatchBecomeOne) {
  const LabelledBatch mixed = mix(four_images(), MixupType::kHalves, torch::tensor({0.25f, 1.f}));
  ASSERT_EQ(mixed.images.sizes(), (std::vector<int64_t>{2, 3, 2, 2}));
  EXPECT_FLOAT_EQ(mixed.images[0][0][0][0].item<float>(), 0.25f * 0 + 0.75f * 2);
  EXPECT_FLOAT_EQ(mixed.images[1][2][1][1].item<float>(), 1.f);
  EXPECT_TRUE(torch::allclose(mixed.labels, torch::tensor({{0.25f, 0.f, 0.75f, 0.f}, {0.f, 1.f, 0.f, 0.f}})));
  EXPECT_FALSE(mixed.teacher_labels.defined());
}

TEST(Mixup, KeepingTheBatchMixesWithTheSecondHalfThenWithItReversed) {
  LabelledBatch batch = four_images();
  batch.teacher_labels = batch.labels.clone();
  const LabelledBatch mixed = mix(batch, MixupType::kKeepBatch, torch::tensor({0.5f, 0.5f, 0.25f, 0.5f}));
  ASSERT_EQ(mixed.images.size(0), 4);
  EXPECT_FLOAT_EQ(mixed.images[0][0][0][0].item<float>(), 1.f);        // 0 with 2
  EXPECT_FLOAT_EQ(mixed.images[1][0][0][0].item<float>(), 2.f);        // 1 with 3
  EXPECT_FLOAT_EQ(mixed.images[2][0][0][0].item<float>(), 0.75f * 3);  // 0 with 3
  EXPECT_FLOAT_EQ(mixed.images[3][0][0][0].item<float>(), 1.5f);       // 1 with 2
  EXPECT_TRUE(torch::equal(mixed.labels, mixed.teacher_labels));
  EXPECT_TRUE(torch::allclose(mixed.labels.sum(1), torch::ones({4})));
}

TEST(Mixup, ReversedMixesTheBatchWithItselfBackwards) {
  LabelledBatch batch = four_images();
  batch.teacher_labels = batch.labels.clone();
  const LabelledBatch mixed = mix(batch, MixupType::kReversed, torch::tensor({0.75f, 1.f, 0.5f, 0.9f}));
  ASSERT_EQ(mixed.images.size(0), 4);
  EXPECT_FLOAT_EQ(mixed.images[0][0][0][0].item<float>(), 0.25f * 3);
  EXPECT_FLOAT_EQ(mixed.images[1][0][0][0].item<float>(), 1.f);
  EXPECT_FLOAT_EQ(mixed.images[2][0][0][0].item<float>(), 0.5f * 2 + 0.5f);
  EXPECT_FLOAT_EQ(mixed.images[3][0][0][0].item<float>(), 0.9f * 3);
  EXPECT_TRUE(torch::equal(mixed.labels, mixed.teacher_labels));
  const LabelledBatch odd = mix({torch::arange(3.f).view({3, 1, 1, 1}), torch::eye(3), {}}, MixupType::kReversed,
                                torch::tensor({0.5f, 0.5f, 0.5f}));
  EXPECT_TRUE(odd.images.flatten().equal(torch::ones({3})));
}

TEST(Mixup, ReversedIsThatOfTheOriginalsTf2Branch) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  if (!fs::exists(golden / "tf21/mixup.json")) GTEST_SKIP() << "no tf21/mixup.json";
  const auto stored = nlohmann::json::parse(std::ifstream(golden / "tf21/mixup.json"));
  const auto flat = [&](const char* key, std::vector<int64_t> shape) {
    std::vector<float> values;
    const std::function<void(const nlohmann::json&)> take = [&](const nlohmann::json& part) {
      if (part.is_number()) return values.push_back(part.get<float>());
      for (const auto& element : part) take(element);
    };
    take(stored.at(key));
    return torch::tensor(values).view(shape);
  };
  const int64_t images = 6, classes = stored.at("num_classes");
  const double temperature = stored.at("kd_temp_of_mixed_teacher");
  const torch::Tensor labels = flat("labels", {-1}).to(torch::kLong);
  const LabelledBatch batch{flat("images", {images, 3, 3, 3}), torch::one_hot(labels, classes).to(torch::kFloat),
                            torch::softmax(flat("teacher_logits", {images, classes}) / temperature, 1)};
  const LabelledBatch mixed = mix(batch, MixupType::kReversed, flat("lambda_used", {-1}));
  EXPECT_TRUE(torch::allclose(mixed.images, flat("mixed_images", {images, 3, 3, 3}), 1e-5, 1e-4));
  EXPECT_TRUE(torch::allclose(mixed.labels, flat("mixed_labels", {images, classes}), 0, 1e-6));
  EXPECT_TRUE(torch::allclose(mixed.teacher_labels, flat("mixed_teacher", {images, classes}), 0, 1e-6));
}

TEST(Mixup, KeepsTheImagesMemoryFormat) {
  LabelledBatch batch = four_images();
  batch.images = batch.images.contiguous(torch::MemoryFormat::ChannelsLast);
  const LabelledBatch mixed = mix(batch, MixupType::kHalves, torch::tensor({0.25f, 1.f}));
  EXPECT_TRUE(mixed.images.is_contiguous(torch::MemoryFormat::ChannelsLast));
}

TEST(Mixup, OddBatchesAreErrors) {
  LabelledBatch batch{torch::zeros({3, 3, 2, 2}), torch::zeros({3, 4}), {}};
  EXPECT_THROW(mix(batch, MixupType::kKeepBatch, torch::zeros({3})), UsageError);
}

/// Beta(α, α) has mean ½ and variance 1 / (4 (2α + 1)).
TEST(Mixup, LambdasHaveTheMomentsOfTheBetaDistribution) {
  Random random(7, RandomPurpose::kMixup);
  constexpr int64_t kDraws = 40000;
  const torch::Tensor lambdas = draw_lambdas(MixupType::kKeepBatch, kDraws, 0.2, random);
  ASSERT_EQ(lambdas.size(0), kDraws);
  EXPECT_NEAR(lambdas.mean().item<double>(), 0.5, 0.01);
  EXPECT_NEAR(lambdas.var().item<double>(), 1 / (4 * 1.4), 0.005);
  EXPECT_EQ(draw_lambdas(MixupType::kHalves, 6, 0.2, random).size(0), 3);
  Random again(7, RandomPurpose::kMixup);
  const torch::Tensor larger = draw_lambdas(MixupType::kReversed, kDraws, 0.2, again);
  EXPECT_TRUE(torch::allclose(larger, torch::maximum(lambdas, 1 - lambdas), 0, 1e-6));
}

}  // namespace
}  // namespace assemble
