// SPDX-License-Identifier: Apache-2.0
// What is refused before a run begins.
#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

TEST_F(TrainerTest, OneImageAtATimeTrainsOrIsRefusedBeforeTheRun) {
  TrainOptions single = options();
  single.batch_size = 1;
  single.mixup = MixupType::kOff;
  for (const char* arch : {"resnet50+w8", "resnet50+sk+w8", "resnet50+bl+sk+aa3+w8", "resnet50+gem+emb8+w8"}) {
    single.arch = arch;
    EXPECT_THAT(test::error_of<UsageError>([&] { train(single, "single"); }),
                testing::HasSubstr("`batch_size` 1: a batch norm of "))
        << arch;
    EXPECT_FALSE(fs::exists(folder_ / "single")) << arch;
  }
  single.arch = "resnet50+w8";
  single.epochs = 1;
  single.preprocessing.train_size = 64;  // maps of 2×2 at the end
  const auto few = DatasetRange(*train_, 0, 4);
  RunFolder run(folder_ / "single", false);
  RunObservers observers(run, single);
  EXPECT_EQ(Trainer(few, *validation_, single, observers.all()).run().steps, 4);
}

TEST_F(TrainerTest, StochasticDepthNeedsResidualBlocks) {
  TrainOptions plain = options();
  plain.arch = "mobilenet_v1+w8";
  plain.stochastic_depth = 0.1;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(plain, "plain"); }),
              testing::HasSubstr("`stochastic_depth`: the network mobilenet_v1 has no residual blocks"));
  plain.stochastic_depth = 1;
  EXPECT_THROW(plain.check(), UsageError);
}

TEST_F(TrainerTest, ABatchLargerThanTheDataSetIsRefused) {
  TrainOptions large = options();
  large.batch_size = 32;
  large.mixup = MixupType::kHalves;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(large, "large"); }),
              testing::HasSubstr("`batch_size` 32: reads 64 images a pass"));
  EXPECT_FALSE(fs::exists(folder_ / "large"));
}

TEST_F(TrainerTest, SidesThatTheNetworkCannotTakeAreRefusedBeforeTheRun) {
  TrainOptions small = options();
  small.arch = "resnet50+aa3+w8";
  small.preprocessing.eval_size = 8;  // mirrored edges need larger maps
  EXPECT_THAT(test::error_of<UsageError>([&] { train(small, "small"); }), testing::HasSubstr("image side 8: does not"));
  EXPECT_FALSE(fs::exists(folder_ / "small"));
}

TEST_F(TrainerTest, RefusesAFolderThatHoldsARun) {
  TrainOptions once = options();
  once.epochs = 1;
  train(once, "twice");
  EXPECT_NE(test::error_of<UsageError>([&] { train(once, "twice"); }).find("already holds a run"), std::string::npos);
}

TEST_F(TrainerTest, UnwritableOutputIsAnError) {
  test::write_bytes(folder_ / "file", {});
  EXPECT_THROW(RunFolder(folder_ / "file" / "run", false), RunError);
}

}  // namespace
}  // namespace assemble
