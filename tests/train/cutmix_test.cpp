// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/cutmix.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

nlohmann::json golden() {
  return nlohmann::json::parse(test::read_text(test::stored_golden("techniques/cutmix.json")));
}

torch::Tensor tensor_of(const nlohmann::json& values, std::vector<int64_t> shape) {
  return torch::tensor(values.get<std::vector<float>>()).view(shape);
}

TEST(CutMix, WindowsAreThoseOfTorchvision) {
  const nlohmann::json stored = golden();
  ASSERT_EQ(stored.at("windows").size(), 60u);
  for (const nlohmann::json& w : stored.at("windows")) {
    const Window expected{w[5], w[6], w[7], w[8]};
    EXPECT_EQ(cut_window(w[0], w[1], w[2], w[3], w[4]), expected) << w;
  }
  EXPECT_EQ(cut_window(9, 9, 1, 4, 4).height, 0);
}

TEST(CutMix, ABatchIsMixedAsByTimm) {
  const nlohmann::json stored = golden();
  const torch::Tensor labels = torch::tensor(stored.at("labels").get<std::vector<int64_t>>());
  LabelledBatch batch{torch::arange(4 * 3 * 36, torch::kFloat).view({4, 3, 6, 6}).clone(),
                      torch::one_hot(labels, 3).to(torch::kFloat),
                      {}};
  batch.teacher_labels = batch.labels.clone();
  batch.images = batch.images.contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor before = batch.images.clone();
  const nlohmann::json& box = stored.at("box");
  const LabelledBatch mixed = cut_mix(batch, MixupType::kOff, {box[0], box[1], box[2], box[3]});
  EXPECT_TRUE(mixed.images.equal(tensor_of(stored.at("mixed"), {4, 3, 6, 6})));
  EXPECT_TRUE(torch::allclose(mixed.labels, tensor_of(stored.at("targets"), {4, 3}), 0, 1e-6));
  EXPECT_TRUE(mixed.teacher_labels.equal(mixed.labels));
  EXPECT_TRUE(mixed.images.is_contiguous(torch::MemoryFormat::ChannelsLast));
  EXPECT_TRUE(batch.images.equal(before)) << "the batch itself stays";
}

TEST(CutMix, PartnersAreThoseOfTheMixupType) {
  const torch::Tensor images = torch::arange(4, torch::kFloat).view({4, 1, 1, 1}).expand({4, 3, 2, 2}).clone();
  const LabelledBatch batch{images, torch::eye(4), {}};
  const Window right{0, 1, 2, 1};
  const auto sides = [&](MixupType pairs) {
    const LabelledBatch mixed = cut_mix(batch, pairs, right);
    EXPECT_FALSE(mixed.teacher_labels.defined());
    std::vector<std::pair<int, int>> found;
    for (int64_t i = 0; i < mixed.images.size(0); ++i) {
      const int own = mixed.images[i][0][1][0].item<int>(), other = mixed.images[i][2][0][1].item<int>();
      EXPECT_FLOAT_EQ(mixed.labels[i][own].item<float>(), 0.5f);
      EXPECT_FLOAT_EQ(mixed.labels[i][other].item<float>(), 0.5f);
      found.emplace_back(own, other);
    }
    return found;
  };
  using Pairs = std::vector<std::pair<int, int>>;
  EXPECT_EQ(sides(MixupType::kHalves), (Pairs{{0, 2}, {1, 3}}));
  EXPECT_EQ(sides(MixupType::kKeepBatch), (Pairs{{0, 2}, {1, 3}, {0, 3}, {1, 2}}));
  EXPECT_EQ(sides(MixupType::kReversed), (Pairs{{0, 3}, {1, 2}, {2, 1}, {3, 0}}));
  EXPECT_EQ(sides(MixupType::kOff), sides(MixupType::kReversed));
  const LabelledBatch odd{torch::zeros({3, 3, 2, 2}), torch::zeros({3, 4}), {}};
  EXPECT_THROW(cut_mix(odd, MixupType::kHalves, right), UsageError);
}

/// Of uncut windows the share is 1 - λ, of mean ½; those cut off at the borders are smaller.
TEST(CutMix, WindowsLieInTheImageAndAreDrawnEvenly) {
  Random random(7, RandomPurpose::kCutMix);
  double top = 0, area = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    const Window window = draw_cut_window(100, 60, 1, random);
    EXPECT_TRUE(window.height == 0 || window.width == 0 || window.lies_in(100, 60));
    top += window.y + window.height / 2.0;
    area += window.height * window.width / 6000.0;
  }
  EXPECT_NEAR(top / kDraws, 50, 1);
  EXPECT_LT(area / kDraws, 0.4);
  EXPECT_GT(area / kDraws, 0.2);
}

TEST_F(TrainerTest, SwitchingBetweenMixupAndCutMixResumesBitForBitOnAnyNumberOfThreads) {
  TrainOptions all = options();
  all.cutmix_alpha = 1;
  expect_exact_resume(all, "\"step\":8");
  all.cutmix_alpha = 0;
  train(all, "mixup");
  EXPECT_NE(model_bytes("whole"), model_bytes("mixup"));
  // A share of 0 draws nothing else: the run is that of mixup alone, warned of.
  all.cutmix_alpha = 1;
  all.cutmix_share = 0;
  testing::internal::CaptureStderr();
  train(all, "none");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("`cutmix_alpha` has no effect"));
  EXPECT_EQ(model_bytes("none"), model_bytes("mixup"));
}

TEST(CutMix, WhatItCannotDoIsRefused) {
  TrainOptions options;
  options.cutmix_alpha = 1;
  options.batch_size = 1;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }),
              testing::HasSubstr("an image alone has no partner"));
  options.batch_size = 2;
  options.check();
  options.loss = LossType::kArcFace;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }), testing::HasSubstr("`cutmix_alpha`: mixes labels"));
  for (const double wrong : {-1.0, double{INFINITY}}) {
    options = {};
    options.cutmix_alpha = wrong;
    EXPECT_THROW(options.check(), UsageError);
  }
}

}  // namespace
}  // namespace assemble
