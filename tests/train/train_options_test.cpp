// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/train_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

TEST(TrainOptions, ImpossibleValuesAreErrors) {
  TrainOptions options;
  options.mixup = MixupType::kKeepBatch;
  options.batch_size = 5;
  EXPECT_THROW(options.check(), UsageError);
  options = {};
  options.drop_block = {0.9};
  EXPECT_THROW(options.check(), UsageError);
  for (const double wrong : {std::nan(""), -1.0, double{INFINITY}}) {
    for (double TrainOptions::*value :
         {&TrainOptions::label_smoothing, &TrainOptions::kd_temperature, &TrainOptions::mixup_alpha,
          &TrainOptions::average_decay, &TrainOptions::clip_gradients, &TrainOptions::small_share,
          &TrainOptions::fine_eval_ratio}) {
      options = {};
      options.*value = wrong;
      EXPECT_THROW(options.check(), UsageError) << wrong;
    }
    options = {};
    options.bn_momentum = wrong;
    EXPECT_THROW(options.check(), UsageError) << wrong;
  }
  for (int64_t TrainOptions::*value :
       {&TrainOptions::epochs, &TrainOptions::batch_size, &TrainOptions::accumulate, &TrainOptions::eval_batch_size,
        &TrainOptions::eval_every, &TrainOptions::log_every}) {
    for (const int64_t wrong : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
      options = {};
      options.*value = wrong;
      EXPECT_THROW(options.check(), UsageError) << wrong;
    }
  }
  for (int64_t TrainOptions::*value : {&TrainOptions::epochs, &TrainOptions::batch_size, &TrainOptions::accumulate}) {
    options = {};
    options.*value = std::numeric_limits<int64_t>::max();
    EXPECT_THROW(options.check(), UsageError) << "products would not fit";
  }
  options = {};
  options.label_smoothing = 1;
  EXPECT_THROW(options.check(), UsageError);
}

TEST(TrainOptions, TheViewsOfAugMixAreComparedAlone) {
  const auto refusal = [](const std::function<void(TrainOptions&)>& change) {
    TrainOptions options;
    options.augmentation.aug_mix.severity = 3;
    options.check();
    change(options);
    const std::string message = test::error_of<UsageError>([&] { options.check(); });
    options.jensen_shannon = 0;
    EXPECT_NO_THROW(options.check());
    return message;
  };
  EXPECT_THAT(refusal([](TrainOptions& o) { o.mixup = MixupType::kReversed; }), testing::HasSubstr("`mixup`: mixes"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.cutmix_alpha = 1; }), testing::HasSubstr("`cutmix_alpha`: mixes"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.kd_temperature = 1; }), testing::HasSubstr("`kd_temperature`: has"));
  EXPECT_THAT(refusal([](TrainOptions& o) { o.loss = LossType::kSigmoid; }),
              testing::HasSubstr("`loss`: sigmoid gives no"));
}

TEST(TrainOptions, ImagesAreRepeatedWithinABatch) {
  TrainOptions options;
  options.batch_size = 4;
  options.aug_repeats = 4;
  options.check();
  for (const int64_t wrong : {0, 5}) {
    options.aug_repeats = wrong;
    EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }), testing::HasSubstr("`aug_repeats`")) << wrong;
  }
}

TEST(TrainOptions, TheCropsOfEvaluationAreAtItsSide) {
  TrainOptions options;
  options.augmentation.evaluation_crop = true;
  options.preprocessing.train_size = options.preprocessing.eval_size = 64;
  options.check();
  options.small_size = 32;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }),
              testing::HasSubstr("trains on what evaluation sees"));
  options.small_size = 0;
  options.preprocessing.train_size = 32;
  EXPECT_THROW(options.check(), UsageError);
  options = {};
  options.pretrained_classifier = true;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }), testing::HasSubstr("has no effect without"));
}

TEST(TrainOptions, PixMixTakesTheImageAlone) {
  TrainOptions options;
  options.augmentation.pix_mix.rounds = 4;
  options.check();
  options.augmentation.aug_mix.severity = 3;
  EXPECT_THAT(test::error_of<UsageError>([&] { options.check(); }),
              testing::HasSubstr("`augmentation.pix_mix.rounds`: mixes the image that"));
  options.augmentation.aug_mix.severity = 0;
  for (const int wrong : {-1, 101}) {
    options.augmentation.pix_mix.rounds = wrong;
    EXPECT_THROW(options.check(), UsageError) << wrong;
  }
  options.augmentation.pix_mix = {.rounds = 1, .severity = 11};
  EXPECT_THROW(options.check(), UsageError);
  options.augmentation.pix_mix = {.rounds = 1, .beta = 0};
  EXPECT_THROW(options.check(), UsageError);
}

}  // namespace
}  // namespace assemble
