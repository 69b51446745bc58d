// SPDX-License-Identifier: Apache-2.0
// Runs whose numbers are no longer finite.
#include <gmock/gmock.h>

#include <cmath>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

TEST_F(TrainerTest, DivergenceIsAnErrorThatSaysWhatToDo) {
  TrainOptions wild = options();
  wild.schedule.base = 1e20;
  const std::string message = test::error_of<RunError>([&] { train(wild, "wild"); });
  EXPECT_NE(message.find("the loss is"), std::string::npos);
  EXPECT_NE(message.find("lower `schedule.base`"), std::string::npos);
}

TEST_F(TrainerTest, DivergenceInTheLastStepIsAnErrorAndKeepsTheModelsOfBefore) {
  TrainOptions wild = options();
  wild.arch = "resnet50+w8";
  wild.epochs = 1;
  wild.batch_size = 32;  // a single step
  wild.schedule.type = DecayType::kFixed;
  for (const double rate : {1e30, 1e38}) {  // the first leaves finite weights, whose outputs are not
    wild.schedule.base = rate;
    const std::string name = concat("wild", rate);
    EXPECT_THAT(test::error_of<RunError>([&] { train(wild, name); }), testing::HasSubstr("not finite"));
    for (const char* file : {"best.safetensors", "last.safetensors", "checkpoint.safetensors"}) {
      EXPECT_FALSE(fs::exists(folder_ / name / file)) << file;
    }
  }
  wild.schedule.base = 0.01;
  train(wild, "kept");
  const Bytes best = read_file(folder_ / "kept/best.safetensors"), last = model_bytes("kept");
  wild.resume = checkpoint("kept");
  wild.epochs = 2;
  wild.schedule.base = 1e38;
  EXPECT_THROW(train(wild, "kept"), RunError);
  EXPECT_EQ(read_file(folder_ / "kept/best.safetensors"), best);
  EXPECT_EQ(model_bytes("kept"), last);
}

/// The running statistics of a short run are mostly initial ones, with which finite weights can give infinite outputs.
TEST_F(TrainerTest, StatisticsThatHaveNotSettledAreNoDivergence) {
  TrainOptions brief = options();
  brief.epochs = 1;
  brief.bn_momentum = 0.999;
  const TrainResult result = train(brief, "brief");
  EXPECT_FALSE(std::isfinite(result.last.classification->loss));
  EXPECT_EQ(result.last.classification->top1, 0);
  EXPECT_EQ(read_summary(folder_ / "brief")[0].train_loss > 0, true);
  EXPECT_NO_THROW(load_model(folder_ / "brief/best.safetensors"));
}

/// Breaks a weight before a step, and mends it after that.
class Breaks : public TrainObserver {
 public:
  explicit Breaks(int64_t step) : step_(step) {}
  void on_begin(Trainer& trainer) override { set(trainer, 0); }
  void on_step(Trainer& trainer, const StepReport& step) override {
    if (trainer.state().step == step_ + 1) {
      EXPECT_FALSE(std::isfinite(step.loss));
      weight(trainer) = whole_;
    }
    set(trainer, trainer.state().step);
  }

 private:
  static float& weight(Trainer& trainer) { return *trainer.model().parameters().front().data_ptr<float>(); }
  void set(Trainer& trainer, int64_t next) {
    if (next != step_) return;
    whole_ = std::exchange(weight(trainer), std::nanf(""));
  }

  int64_t step_;
  float whole_ = 0;
};

TEST_F(TrainerTest, StepsThatAreNotFiniteAreLeftOutAsOftenAsAllowed) {
  TrainOptions all = options();
  all.epochs = 1;
  all.skip_non_finite = 1;
  const auto run = [&](const std::vector<TrainObserver*>& observers) {
    Trainer trainer(*train_, *validation_, all, observers);
    trainer.run();
    EXPECT_EQ(trainer.state().step, 6);
    return trainer.state().skipped;
  };
  Breaks once(2), twice(4);
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(run({&once}), 1) << "and the statistics are finite after it";
  EXPECT_THAT(test::error_of<RunError>([&] {
                run({&once, &twice});
              }),
              testing::ContainsRegex("step 4: the loss is -?nan, after 1 steps that were left out"));
}

}  // namespace
}  // namespace assemble
