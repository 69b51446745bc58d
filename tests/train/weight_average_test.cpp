// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/weight_average.h"

#include <gtest/gtest.h>

namespace assemble {
namespace {

TEST(WeightAverage, FollowsTheRampedDecayAndSwapsThereAndBack) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 2}, 1);
  torch::Tensor bias = model->named_parameters()["fc.bias"].detach();
  bias.fill_(1);
  WeightAverage average(*model, 0.5);
  bias.fill_(2);
  average.update();  // decay (1 + 1) / (10 + 1)
  bias.fill_(4);
  average.update();  // decay (1 + 2) / (10 + 2)
  const double first = 1 * 2.0 / 11 + 2 * 9.0 / 11;
  const double second = first * 0.25 + 4 * 0.75;
  {
    const AveragedWeights averaged(&average);
    EXPECT_NEAR(bias[0].item<double>(), second, 1e-5);
  }
  EXPECT_DOUBLE_EQ(bias[0].item<double>(), 4);
  EXPECT_EQ(average.updates(), 2);
}

TEST(WeightAverage, NeverDecaysFasterThanAsked) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 2}, 1);
  torch::Tensor bias = model->named_parameters()["fc.bias"].detach();
  bias.fill_(0);
  WeightAverage average(*model, 0.5);
  average.set_updates(1000);
  bias.fill_(1);
  average.update();
  const AveragedWeights averaged(&average);
  EXPECT_NEAR(bias[0].item<double>(), 0.5, 1e-6);
}

TEST(AveragedWeights, AreTakenOutAgainAfterAnError) {
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = 2}, 1);
  torch::Tensor bias = model->named_parameters()["fc.bias"].detach();
  bias.fill_(1);
  WeightAverage average(*model, 0.5);
  bias.fill_(2);
  EXPECT_THROW(
      {
        const AveragedWeights averaged(&average);
        EXPECT_DOUBLE_EQ(bias[0].item<double>(), 1);
        throw std::runtime_error("while it is evaluated");
      },
      std::runtime_error);
  EXPECT_DOUBLE_EQ(bias[0].item<double>(), 2);
  { const AveragedWeights nothing(nullptr); }
  EXPECT_DOUBLE_EQ(bias[0].item<double>(), 2);
}

}  // namespace
}  // namespace assemble
