// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/best_keeper.h"

#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

class BestKeeperTest : public testing::Test {
 protected:
  BestKeeperTest() {
    card_.class_names = {"a", "b", "c"};
    card_.preprocessing = Preprocessing::from_type("imagenet_64");
  }

  test::TemporaryFolder folder_;
  Classifier model_ = make_classifier(Arch::parse("resnet50+w8"), {.classes = 3}, 1);
  ModelCard card_;
};

TEST_F(BestKeeperTest, KeepsTheBestModels) {
  BestKeeper keeper(folder_.path(), 2, false);
  EXPECT_TRUE(keeper.offer(*model_, card_, 1, 0.5));
  EXPECT_FALSE(keeper.offer(*model_, card_, 2, 0.4));
  EXPECT_FALSE(keeper.offer(*model_, card_, 3, 0.3));
  EXPECT_TRUE(keeper.offer(*model_, card_, 4, 0.6));
  EXPECT_EQ(test::list_files(folder_.path()),
            (std::vector<std::string>{"best.safetensors", "epoch-0001-top1-0.5000.safetensors",
                                      "epoch-0004-top1-0.6000.safetensors"}));
  ASSERT_EQ(keeper.kept().size(), 2u);
  EXPECT_DOUBLE_EQ(keeper.kept()[0].score, 0.6);
}

TEST_F(BestKeeperTest, MayKeepEveryModel) {
  BestKeeper keeper(folder_.path(), 1, true);
  keeper.offer(*model_, card_, 1, 0.5);
  keeper.offer(*model_, card_, 2, 0.4);
  EXPECT_EQ(test::list_files(folder_.path()).size(), 3u);
  EXPECT_THROW(BestKeeper(folder_.path(), 0, false), UsageError);
}

TEST_F(BestKeeperTest, OfEqualModelsTheFirstIsTheBest) {
  BestKeeper keeper(folder_.path(), 2, false);
  EXPECT_TRUE(keeper.offer(*model_, card_, 1, 0.5));
  EXPECT_FALSE(keeper.offer(*model_, card_, 2, 0.5));
  EXPECT_EQ(keeper.kept()[0].file, "epoch-0001-top1-0.5000.safetensors");
  EXPECT_THROW(keeper.offer(*model_, card_, 3, std::nan("")), RunError);
  EXPECT_EQ(keeper.kept().size(), 2u);
}

TEST_F(BestKeeperTest, GoesOnWithTheBestModelsThatAreThere) {
  write_file(folder_ / "second", std::string_view("x"));
  const std::vector<KeptModel> kept{{"first", 0.9}, {"second", 0.8}, {"gone", 0.7}};
  BestKeeper three(folder_.path(), 3, false);
  three.restore(kept);
  ASSERT_EQ(three.kept().size(), 2u) << "the first is best.safetensors";
  EXPECT_EQ(three.kept()[1].file, "second");
  BestKeeper one(folder_.path(), 1, false);
  one.restore(kept);
  EXPECT_EQ(one.kept().size(), 1u) << "fewer are kept now";
}

}  // namespace
}  // namespace assemble
