// SPDX-License-Identifier: Apache-2.0
// A run ends where a rule says, and goes on from there as if it had never ended.
#include "assemble/train/stop_rules.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;
using testing::HasSubstr;

TEST_F(TrainerTest, MaxStepsEndsARunThatThenGoesOnBitForBit) {
  TrainOptions all = options();
  train(all, "whole");
  all.max_steps = 4;
  const TrainResult first = train(all, "parts");
  EXPECT_EQ(first.steps, 4);
  EXPECT_EQ(first.stopped_by, "max_steps");
  EXPECT_FALSE(first.interrupted);
  all.resume = checkpoint("parts");
  EXPECT_EQ(train(all, "parts").steps, 4) << "it is at its end";
  all.max_steps = 9;
  EXPECT_EQ(train(all, "parts").stopped_by, "max_steps");
  all.max_steps = 0;
  const TrainResult last = train(all, "parts");
  EXPECT_EQ(last.steps, 12);
  EXPECT_EQ(last.stopped_by, "");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
}

TEST_F(TrainerTest, AScoreThatIsEnoughEndsARun) {
  TrainOptions all = options();
  all.epochs = 4;
  all.stop_at = 0.001;
  const TrainResult result = train(all, "run");
  EXPECT_EQ(result.stopped_by, "stop_at");
  EXPECT_EQ(result.steps, 6) << "the first evaluation";
  all.resume = checkpoint("run");
  EXPECT_EQ(train(all, "run").steps, 6) << "still enough";
}

TEST_F(TrainerTest, PatienceCountsEvaluationsAlsoOverAResume) {
  TrainOptions all = options();
  all.epochs = 30;
  all.schedule.base = 1e-12;  // no evaluation is better than the first
  all.average_decay = 0;
  all.bn_momentum = 0;
  all.patience = 3;
  all.max_steps = 15;
  EXPECT_EQ(train(all, "run").stopped_by, "max_steps");
  all.resume = checkpoint("run");
  all.max_steps = 0;
  const TrainResult result = train(all, "run");
  EXPECT_EQ(result.stopped_by, "patience");
  const std::vector<EpochSummary> rows = read_summary(folder_ / "run");
  size_t best = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].validation.at(1).second > rows[best].validation.at(1).second) best = i;
  }
  EXPECT_EQ(rows.size(), best + 1 + 3) << "three after the best";
}

TEST_F(TrainerTest, MinutesEndARun) {
  TrainOptions all = options();
  all.max_minutes = 1e-9;
  const TrainResult result = train(all, "run");
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.stopped_by, "max_minutes");
}

TEST_F(TrainerTest, CheckpointsAreWrittenAsOftenAsAsked) {
  // They are written beside the steps that follow: those that are kept say when they were taken.
  const auto steps_of = [&](const std::string& every, const std::string& name) {
    TrainOptions all = options();
    all.checkpoint_every = CheckpointInterval::parse(every);
    all.keep_checkpoints = 10;
    train(all, name);
    std::vector<int64_t> steps;
    for (int64_t step = 1; step <= 12; ++step) {
      if (fs::exists(folder_ / name / concat("checkpoint-", step, ".safetensors"))) steps.push_back(step);
    }
    return steps;
  };
  EXPECT_EQ(steps_of("1e", "epochs"), (std::vector<int64_t>{6, 12}));
  EXPECT_EQ(steps_of("0.5e", "halves"), (std::vector<int64_t>{3, 6, 9, 12}));
  EXPECT_EQ(steps_of("5", "steps"), (std::vector<int64_t>{5, 10, 12}));
  EXPECT_EQ(steps_of("100m", "minutes"), std::vector<int64_t>{12});
}

TEST_F(TrainerTest, ACheckpointWithinAnEpochGoesOnBitForBit) {
  TrainOptions all = options();
  train(all, "whole");
  all.checkpoint_every = CheckpointInterval::parse("4");
  struct Killed {};
  struct Killer : TrainObserver {
    void on_step(Trainer& trainer, const StepReport&) override {
      if (trainer.state().step == 11) throw Killed();
    }
  } killer;
  {
    RunFolder run(folder_ / "parts", false);
    RunObservers observers(run, all);
    std::vector<TrainObserver*> observing = observers.all();
    observing.push_back(&killer);
    EXPECT_THROW(Trainer(*train_, *validation_, all, observing).run(), Killed);
  }
  all.resume = checkpoint("parts");
  EXPECT_EQ(train(all, "parts").steps, 12);
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
}

TEST(CheckpointInterval, IsStepsEpochsOrMinutes) {
  using Unit = CheckpointInterval::Unit;
  EXPECT_EQ(CheckpointInterval::parse("500").unit, Unit::kSteps);
  EXPECT_EQ(CheckpointInterval::parse("0.25e").unit, Unit::kEpochs);
  EXPECT_EQ(CheckpointInterval::parse("0.25e").amount, 0.25);
  EXPECT_EQ(CheckpointInterval::parse("10m").unit, Unit::kMinutes);
  for (const char* wrong : {"", "0", "-1", "1.5", "1h", "e", "0e", "1e5x", "nan"}) {
    EXPECT_THAT(test::error_of<UsageError>([&] { CheckpointInterval::parse(wrong); }), HasSubstr("is no interval"))
        << wrong;
  }
}

TEST_F(TrainerTest, ReportsThePartsOfTheLossAndAccuracyOfImagesThatAreNotMixed) {
  struct Reports : TrainObserver {
    void on_step(Trainer&, const StepReport& step) override { all.push_back(step); }
    std::vector<StepReport> all;
  };
  TrainOptions brief = options();
  brief.epochs = 1;
  Reports mixed, plain;
  Trainer(*train_, *validation_, brief, {&mixed}).run();
  brief.mixup = MixupType::kOff;
  brief.overfit_one_batch = true;
  brief.epochs = 8;
  brief.drop_block.clear();
  Trainer(*train_, *validation_, brief, {&plain}).run();
  for (const StepReport& step : mixed.all) {
    EXPECT_FALSE(step.top1.has_value());
    EXPECT_EQ(step.loss, step.cross_entropy);
    EXPECT_EQ(step.distillation, 0);
  }
  for (const StepReport& step : plain.all) EXPECT_EQ(*step.top1 * 8, std::round(*step.top1 * 8)) << "of 8 images";
  EXPECT_GT(*plain.all.back().top1, *plain.all.front().top1) << "it learns one batch by heart";
}

TEST_F(TrainerTest, ShowsImagesAndWeightsInTensorBoard) {
  TrainOptions brief = options();
  brief.epochs = 1;
  brief.log_images = 2;
  brief.log_histograms = true;
  train(brief, "run");
  std::string events;
  for (const std::string& file : test::list_files(folder_ / "run")) {
    if (file.starts_with("events.")) events += test::read_text(folder_ / "run" / file);
  }
  EXPECT_THAT(events, HasSubstr("train/image/1"));
  EXPECT_THAT(events, testing::Not(HasSubstr("train/image/2")));
  EXPECT_THAT(events, HasSubstr("\x89PNG"));
  EXPECT_THAT(events, HasSubstr("weights/fc.bias"));
}

}  // namespace
}  // namespace assemble
