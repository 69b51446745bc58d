// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  static Classifier network(uint64_t seed) { return make_classifier(Arch::parse("resnet50+w8"), {.classes = 3}, seed); }
  static MomentumSgd optimizer_of(const Classifier& model) { return {trained_parameters(*model), {}}; }
  ModelCard card() const {
    ModelCard card;
    card.arch = Arch::parse("resnet50+w8");
    card.class_names = {"a", "b", "c"};
    return card;
  }
  test::TemporaryFolder folder_;
};

TEST_F(CheckpointTest, GivesBackWeightsMomentumAveragesAndState) {
  const Classifier saved = network(1);
  MomentumSgd optimizer = optimizer_of(saved);
  optimizer.state()[0].second.fill_(0.25);
  WeightAverage average(*saved, 0.9);
  average.set_updates(7);
  TrainingState before;
  before.step = 42;
  before.seconds = 1.5;
  before.kept = {{"x.safetensors", 0.5}};
  before.loader = {3, 5, 64, {1, 9}};
  before.steps_per_epoch = 6;
  before.seed = 11;
  before.class_names = {"a", "b", "c"};
  before.epoch_loss = 2.5;
  before.epoch_steps = 2;
  before.record = {{"epoch", "7"}};
  before.measures = {{"loss", INFINITY}, {"top1", 0.7}};
  save_checkpoint(folder_ / "c", *saved, optimizer, &average, before);

  const Classifier loaded = network(2);
  MomentumSgd loaded_optimizer = optimizer_of(loaded);
  WeightAverage loaded_average(*loaded, 0.9);
  const TrainingState state = load_checkpoint(folder_ / "c", *loaded, loaded_optimizer, &loaded_average);
  EXPECT_EQ(state.step, 42);
  EXPECT_DOUBLE_EQ(state.seconds, 1.5);
  ASSERT_EQ(state.kept.size(), 1u);
  EXPECT_EQ(state.kept[0].file, "x.safetensors");
  EXPECT_EQ(loaded_average.updates(), 7);
  EXPECT_EQ(state.steps_per_epoch, 6);
  EXPECT_EQ(state.seed, 11u);
  EXPECT_EQ(state.class_names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(state.epoch_loss, 2.5);
  EXPECT_EQ(state.epoch_steps, 2);
  EXPECT_EQ(state.record.at("epoch"), "7");
  EXPECT_EQ(state.measures, (std::vector<std::pair<std::string, double>>{{"loss", INFINITY}, {"top1", 0.7}}));
  EXPECT_EQ(state.loader, (LoaderState{3, 5, 64, {1, 9}}));
  EXPECT_TRUE((loaded_optimizer.state()[0].second == 0.25).all().item<bool>());
  for (size_t i = 0; i < saved->named_state().size(); ++i) {
    EXPECT_TRUE(torch::equal(saved->named_state()[i].second, loaded->named_state()[i].second));
  }
}

TEST_F(CheckpointTest, AModelFileIsNoCheckpoint) {
  const Classifier model = network(1);
  save_model(folder_ / "m", *model, card());
  MomentumSgd optimizer = optimizer_of(model);
  const std::string message =
      test::error_of<InputError>([&] { load_checkpoint(folder_ / "m", *model, optimizer, nullptr); });
  EXPECT_NE(message.find("is no checkpoint"), std::string::npos);
}

TEST_F(CheckpointTest, ATruncatedCheckpointIsAnError) {
  const Classifier model = network(1);
  MomentumSgd optimizer = optimizer_of(model);
  save_checkpoint(folder_ / "c", *model, optimizer, nullptr, {});
  fs::resize_file(folder_ / "c", fs::file_size(folder_ / "c") / 2);
  EXPECT_THROW(load_checkpoint(folder_ / "c", *model, optimizer, nullptr), InputError);
}

TEST_F(CheckpointTest, AFullDiskLeavesTheOldCheckpoint) {
  const Classifier model = network(1);
  MomentumSgd optimizer = optimizer_of(model);
  save_checkpoint(folder_ / "c", *model, optimizer, nullptr, {1, 0, {}});
  {
    const test::FileSizeLimit full(4096);
    EXPECT_THROW(save_checkpoint(folder_ / "c", *model, optimizer, nullptr, {2, 0, {}}), RunError);
  }
  EXPECT_EQ(load_checkpoint(folder_ / "c", *model, optimizer, nullptr).step, 1);
  EXPECT_EQ(test::list_files(folder_.path()), std::vector<std::string>{"c"});
}

TEST_F(CheckpointTest, KeepsTheBestModels) {
  const Classifier model = network(1);
  BestKeeper keeper(folder_.path(), 2, false, {});
  EXPECT_TRUE(keeper.offer(*model, card(), 1, 0.5));
  EXPECT_FALSE(keeper.offer(*model, card(), 2, 0.4));
  EXPECT_FALSE(keeper.offer(*model, card(), 3, 0.3));
  EXPECT_TRUE(keeper.offer(*model, card(), 4, 0.6));
  EXPECT_EQ(test::list_files(folder_.path()),
            (std::vector<std::string>{"best.safetensors", "epoch-0001-top1-0.5000.safetensors",
                                      "epoch-0004-top1-0.6000.safetensors"}));
  ASSERT_EQ(keeper.kept().size(), 2u);
  EXPECT_DOUBLE_EQ(keeper.kept()[0].score, 0.6);
}

TEST_F(CheckpointTest, MayKeepEveryModel) {
  const Classifier model = network(1);
  BestKeeper keeper(folder_.path(), 1, true, {});
  keeper.offer(*model, card(), 1, 0.5);
  keeper.offer(*model, card(), 2, 0.4);
  EXPECT_EQ(test::list_files(folder_.path()).size(), 3u);
  EXPECT_THROW(BestKeeper(folder_.path(), 0, false, {}), UsageError);
}

TEST_F(CheckpointTest, ValuesThatAreNotFiniteLeaveTheOldCheckpoint) {
  const Classifier model = network(1);
  MomentumSgd optimizer = optimizer_of(model);
  TrainingState state;
  state.step = 1;
  save_checkpoint(folder_ / "c", *model, optimizer, nullptr, state);
  state.step = 2;
  optimizer.state()[0].second.fill_(INFINITY);
  const std::string message =
      test::error_of<RunError>([&] { save_checkpoint(folder_ / "c", *model, optimizer, nullptr, state); });
  EXPECT_NE(message.find("not finite: momentum."), std::string::npos) << message;
  EXPECT_EQ(load_checkpoint(folder_ / "c", *model, optimizer, nullptr).step, 1);
}

TEST_F(CheckpointTest, SaysThatTheRunHasNoAverage) {
  const Classifier model = network(1);
  MomentumSgd optimizer = optimizer_of(model);
  save_checkpoint(folder_ / "c", *model, optimizer, nullptr, {});
  WeightAverage average(*model, 0.9);
  EXPECT_NE(test::error_of<UsageError>([&] {
              load_checkpoint(folder_ / "c", *model, optimizer, &average);
            }).find("has no moving average"),
            std::string::npos);
}

TEST_F(CheckpointTest, OfEqualModelsTheFirstIsTheBest) {
  const Classifier model = network(1);
  BestKeeper keeper(folder_.path(), 2, false, {});
  EXPECT_TRUE(keeper.offer(*model, card(), 1, 0.5));
  EXPECT_FALSE(keeper.offer(*model, card(), 2, 0.5));
  EXPECT_EQ(keeper.kept()[0].file, "epoch-0001-top1-0.5000.safetensors");
  EXPECT_THROW(keeper.offer(*model, card(), 3, std::nan("")), RunError);
  EXPECT_EQ(keeper.kept().size(), 2u);
}

TEST_F(CheckpointTest, GoesOnWithTheBestModelsThatAreThere) {
  write_file(folder_ / "second", std::string_view("x"));
  const std::vector<KeptModel> kept{{"first", 0.9}, {"second", 0.8}, {"gone", 0.7}};
  const BestKeeper three(folder_.path(), 3, false, kept);
  ASSERT_EQ(three.kept().size(), 2u) << "the first is best.safetensors";
  EXPECT_EQ(three.kept()[1].file, "second");
  EXPECT_EQ(BestKeeper(folder_.path(), 1, false, kept).kept().size(), 1u) << "fewer are kept now";
}

}  // namespace
}  // namespace assemble
