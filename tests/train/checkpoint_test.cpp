// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/models/model_file.h"
#include "test_support.h"

namespace assemble {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  static Classifier network(uint64_t seed) { return make_classifier(Arch::parse("resnet50+w8"), {.classes = 3}, seed); }
  static MomentumSgd optimizer_of(const Classifier& model) { return MomentumSgd(trained_parameters(*model), {}); }
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
  ModelCard card;
  card.class_names = {"a", "b", "c"};
  save_model(folder_ / "m", *model, card);
  MomentumSgd optimizer = optimizer_of(model);
  const std::string message =
      test::error_of<InputError>([&] { load_checkpoint(folder_ / "m", *model, optimizer, nullptr); });
  EXPECT_NE(message.find("is no checkpoint"), std::string::npos);
}

TEST_F(CheckpointTest, OneOfALaterVersionOrAnotherArchIsNamed) {
  const Classifier model = network(1);
  MomentumSgd optimizer = optimizer_of(model);
  Checkpoint checkpoint = take_checkpoint(*model, optimizer, nullptr, {});
  const auto message = [&] {
    write_checkpoint(folder_ / "c", checkpoint);
    return test::error_of<InputError>([&] { load_checkpoint(folder_ / "c", *model, optimizer, nullptr); });
  };
  checkpoint.metadata["arch"] = "mobilenet_v1";
  EXPECT_NE(message().find("c: holds mobilenet_v1, the run trains " + model->arch().str()), std::string::npos);
  checkpoint.metadata["format"] = "assemble checkpoint 2";
  EXPECT_NE(message().find("c: was written by a later version: it is 'assemble checkpoint 2'"), std::string::npos);
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

}  // namespace
}  // namespace assemble
