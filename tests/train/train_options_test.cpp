// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/train_options.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "assemble/core/error.h"

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

}  // namespace
}  // namespace assemble
