// SPDX-License-Identifier: Apache-2.0
// Runs that were stopped and go on: N + M steps are the same bits as N, then M.
#include <gmock/gmock.h>

#include <map>

#include "assemble/core/error.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

TEST_F(TrainerTest, ResumingGivesTheSameBitsAsNeverStopping) {
  TrainOptions all = options();
  train(all, "whole");
  // Stop in the middle of the second epoch, as Ctrl-C does.
  const TrainResult stopped = train_until(all, "parts", "\"step\":8");
  ASSERT_TRUE(stopped.interrupted);
  ASSERT_LT(stopped.steps, 12);
  all.resume = checkpoint("parts");
  const TrainResult resumed = train(all, "parts");
  EXPECT_FALSE(resumed.interrupted);
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
  const auto losses = [&](const std::string& name) {
    std::vector<double> losses;
    for (const EpochSummary& row : read_summary(folder_ / name)) losses.push_back(row.train_loss);
    return losses;
  };
  EXPECT_EQ(losses("whole"), losses("parts")) << "also of the epoch in which it was stopped";
}

TEST_F(TrainerTest, ResumingIsExactWithTheArcFaceLoss) {
  TrainOptions all = options();
  all.arch = "resnet50+gem+emb16+w8";
  all.mixup = MixupType::kOff;
  all.loss = LossType::kArcFace;
  all.cosine_scale = 12;
  train(all, "whole");
  ASSERT_TRUE(train_until(all, "parts", "\"step\":8").interrupted);
  all.resume = checkpoint("parts");
  train(all, "parts");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
  ModelCard card;
  load_model(folder_ / "parts/last.safetensors", &card);
  EXPECT_EQ(card.loss, LossType::kArcFace);
  EXPECT_EQ(card.cosine_scale, 12);
}

TEST_F(TrainerTest, ResumingIsExactWithStochasticDepthAndAveragedBinaryCrossEntropy) {
  TrainOptions all = options();
  all.stochastic_depth = 0.4;
  all.loss = LossType::kSigmoid;
  all.sigmoid = {SigmoidDivisor::kClasses, 0.2};
  expect_exact_resume(all, "\"step\":8");
  all.stochastic_depth = 0;
  train(all, "without");
  EXPECT_NE(model_bytes("whole"), model_bytes("without"));
}

TEST_F(TrainerTest, ResumingIsExactWithTheViewsOfAugMix) {
  TrainOptions all = options();
  all.mixup = MixupType::kOff;
  all.batch_size = 4;
  all.epochs = 1;
  all.augmentation.aug_mix.severity = 3;
  all.augmentation.random_augment = RandomAugment{.trivial_wide = true};
  all.stochastic_depth = 0.2;
  expect_exact_resume(all, "\"step\":5");
  EXPECT_NE(test::read_text(folder_ / "whole/metrics.jsonl").find("\"jensen_shannon\":"), std::string::npos);
}

TEST_F(TrainerTest, ResumingIsExactWithPixMixOfRepeatedImages) {
  TrainOptions all = options();
  all.aug_repeats = 3;
  all.epochs = 1;
  all.batch_size = 4;
  all.preprocessing.train_size = 64;
  all.small_size = 32;
  all.augmentation.pix_mix.rounds = 4;
  expect_exact_resume(all, "\"step\":5");
  all.augmentation.pix_mix.rounds = 0;
  train(all, "without");
  EXPECT_NE(model_bytes("whole"), model_bytes("without"));
}

TEST_F(TrainerTest, AFrozenWarmStartAcrossHeadsResumesBitForBit) {
  TrainOptions first = options();
  first.epochs = 1;
  train(first, "first");
  TrainOptions all = options();
  all.arch = "resnet50+bl+sk+aa3+gem+emb16+nodown+w8";
  all.pretrained = (folder_ / "first/last.safetensors").string();
  all.freeze = FreezeDepth::kStage2;
  all.backbone_lr_factor = 0.1;
  train(all, "whole");
  ASSERT_TRUE(train_until(all, "parts", "\"step\":8").interrupted);
  all.resume = checkpoint("parts");
  EXPECT_FALSE(train(all, "parts").interrupted);
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));

  const auto state_of = [&](const char* run) {
    const auto state = load_model(folder_ / run / "last.safetensors")->named_state();
    return std::map<std::string, torch::Tensor>(state.begin(), state.end());
  };
  const auto before = state_of("first"), after = state_of("whole");
  for (const char* name : {"conv1.weight", "bn1.weight", "bn1.running_mean", "layer2.merge.bn3.running_var"}) {
    EXPECT_TRUE(before.at(name).equal(after.at(name))) << name;
  }
  for (const char* name : {"layer3.merge.bn3.running_var", "layer4.0.conv1.weight"}) {
    EXPECT_FALSE(before.at(name).equal(after.at(name))) << name;
  }
  all.freeze = FreezeDepth::kNone;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(all, "parts"); }), testing::HasSubstr("`freeze`"));
}

TEST_F(TrainerTest, FineTuningAtTheTestResolutionKeepsTheClassifierAndResumesBitForBit) {
  TrainOptions first = options();
  first.epochs = 1;
  train(first, "first");
  const fs::path file = folder_ / "first/last.safetensors";
  ModelCard card;
  const Classifier source = load_model(file, &card);
  TrainOptions all = options();
  all.preprocessing.train_size = all.preprocessing.eval_size = 64;
  all.augmentation.evaluation_crop = true;
  all.pretrained = file.string();
  all.pretrained_classifier = true;
  all.freeze = FreezeDepth::kStage3;
  EXPECT_TRUE(Trainer(*train_, *validation_, all)
                  .model()
                  .named_parameters()["fc.weight"]
                  .equal(source->named_parameters()["fc.weight"]));
  expect_exact_resume(all, "\"step\":8");
  all.resume.clear();
  card.class_names.front() = "another";
  save_model(folder_ / "other.safetensors", *source, card);
  all.pretrained = (folder_ / "other.safetensors").string();
  EXPECT_THAT(test::error_of<UsageError>([&] { train(all, "other"); }),
              testing::HasSubstr("has other classes than the data set"));
}

TEST_F(TrainerTest, AnInterruptBeforeTheFirstEvaluationSavesWhatWasTrained) {
  TrainOptions all = options();
  train(all, "whole");
  const TrainResult stopped = train_until(all, "parts", "\"step\":2,");
  ASSERT_TRUE(stopped.interrupted);
  ASSERT_LT(stopped.steps, 6);
  EXPECT_TRUE(stopped.measures.empty());
  EXPECT_FALSE(stopped.best.has_value());
  EXPECT_FALSE(fs::exists(folder_ / "parts/best.safetensors"));
  EXPECT_NO_THROW(load_model(folder_ / "parts/last.safetensors"));
  all.resume = checkpoint("parts");
  train(all, "parts");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
}

TEST_F(TrainerTest, AnInterruptBeforeTheFirstStepCanBeResumed) {
  TrainOptions all = options();
  all.epochs = 1;
  {
    RunFolder run(folder_ / "run", false);
    RunObservers observers(run, all);
    Trainer trainer(*train_, *validation_, all, observers.all());
    std::stop_source stop;
    stop.request_stop();
    const TrainResult stopped = trainer.run(stop.get_token());
    EXPECT_TRUE(stopped.interrupted);
    EXPECT_EQ(stopped.steps, 0);
  }
  EXPECT_FALSE(fs::exists(folder_ / "run/last.safetensors")) << "nothing was trained";
  all.resume = checkpoint("run");
  EXPECT_EQ(train(all, "run").steps, 6);
}

TEST_F(TrainerTest, AFinishedRunStaysAsItIsAndGoesOnWithMoreEpochs) {
  TrainOptions all = options();
  const TrainResult finished = train(all, "run");
  std::map<std::string, std::string> before;
  for (const std::string& file : test::list_files(folder_ / "run")) {
    before[file] = test::read_text(folder_ / "run" / file);
  }
  all.resume = checkpoint("run");
  const TrainResult again = train(all, "run");
  for (const auto& [file, text] : before) EXPECT_EQ(test::read_text(folder_ / "run" / file), text) << file;
  EXPECT_EQ(again.steps, 12);
  EXPECT_FALSE(again.interrupted);
  EXPECT_EQ(again.measures, finished.measures);
  EXPECT_EQ(again.measures.size(), 4u);
  EXPECT_EQ(again.best, finished.best);
  // A killed program leaves no last model behind: it is written from the checkpoint.
  fs::remove(folder_ / "run/last.safetensors");
  train(all, "run");
  EXPECT_EQ(test::read_text(folder_ / "run/last.safetensors"), before["last.safetensors"]);
  all.epochs = 3;
  EXPECT_EQ(train(all, "run").steps, 18);
  const std::vector<EpochSummary> rows = read_summary(folder_ / "run");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2].epoch, 3);
  all.epochs = 1;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(all, "run"); }),
              testing::HasSubstr("`epochs`: 1 are fewer than the 3 that the run has done"));
}

TEST_F(TrainerTest, ResumingWithOptionsOfAnotherRunNamesThem) {
  TrainOptions once = options();
  once.epochs = 1;
  train(once, "run");
  once.resume = checkpoint("run");
  TrainOptions other = once;
  other.batch_size = 4;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(other, "run"); }),
              testing::HasSubstr("the run had 6 steps an epoch, now it has 12: `batch_size`"));
  other = once;
  other.seed = 4;
  EXPECT_THAT(test::error_of<UsageError>([&] { train(other, "run"); }), testing::HasSubstr("`seed`"));
  other = once;
  other.average_decay = 0;
  EXPECT_NO_THROW(train(other, "run"));
}

TEST_F(TrainerTest, ResumingWithAnotherArchNamesBoth) {
  TrainOptions once = options();
  once.epochs = 1;
  train(once, "arch");
  once.resume = checkpoint("arch");
  once.arch = "resnet50+w8";
  const std::string message = test::error_of<InputError>([&] { train(once, "arch"); });
  EXPECT_NE(message.find("resnet50+bl+sk+aa3+w8"), std::string::npos);
  EXPECT_NE(message.find("the run trains resnet50+w8"), std::string::npos);
}

/// A data set of which one image cannot be read.
class OneBroken : public Dataset {
 public:
  OneBroken(const Dataset& whole, int64_t broken) : whole_(whole), broken_(broken) {}
  int64_t size() const override { return whole_.size(); }
  Sample read(int64_t index) const override {
    if (index == broken_) throw InputError("file", "broken", "");
    return whole_.read(index);
  }
  int64_t label(int64_t index) const override { return whole_.label(index); }
  const std::vector<std::string>& class_names() const override { return whole_.class_names(); }
  std::string where() const override { return whole_.where(); }

 private:
  const Dataset& whole_;
  int64_t broken_;
};

TEST_F(TrainerTest, ResumingRemembersBrokenImages) {
  TrainOptions all = options();
  all.epochs = 1;
  all.max_broken = 1;
  const auto train_without = [&](int64_t broken) {
    RunFolder run(folder_ / "run", !all.resume.empty());
    RunObservers observers(run, all);
    return Trainer(OneBroken(*train_, broken), *validation_, all, observers.all()).run();
  };
  train_without(0);
  all.epochs = 2;
  all.resume = checkpoint("run");
  EXPECT_THAT(test::error_of<InputError>([&] { train_without(1); }), testing::HasSubstr("more than 1 broken images"));
}

}  // namespace
}  // namespace assemble
