// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <stop_token>
#include <thread>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "drawn_data.h"

namespace assemble {
namespace {

class TrainerTest : public testing::Test {
 protected:
  static TrainOptions options() {
    TrainOptions options;
    options.arch = "resnet50+bl+sk+aa3+w8";
    options.epochs = 2;
    options.batch_size = 8;
    options.mixup = MixupType::kKeepBatch;
    options.label_smoothing = 0.1;
    options.drop_block = {0.95, 0.9};
    options.drop_block_size = 1;
    options.average_decay = 0.9;
    options.bn_momentum = 0.9;
    options.schedule.base = 0.05;
    options.preprocessing.train_size = 32;
    options.preprocessing.eval_size = 32;
    options.preprocessing.eval_resize = 32;
    options.seed = 3;
    options.log_every = 1;
    return options;
  }

  TrainResult train(const TrainOptions& options, const std::string& name) {
    RunFolder run(folder_ / name, options.resume);
    return Trainer(*train_, *validation_, options, run).run();
  }

  /// Trains until metrics.jsonl holds `text`, then asks it to stop.
  TrainResult train_until(const TrainOptions& options, const std::string& name, const std::string& text) {
    RunFolder run(folder_ / name, options.resume);
    Trainer trainer(*train_, *validation_, options, run);
    std::stop_source stop;
    std::thread stopper([&] {
      const fs::path metrics = folder_ / name / "metrics.jsonl";
      while (!fs::exists(metrics) || test::read_text(metrics).find(text) == std::string::npos) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      stop.request_stop();
    });
    const TrainResult stopped = trainer.run(stop.get_token());
    stopper.join();
    return stopped;
  }

  Bytes model_bytes(const std::string& name) const { return read_file(folder_ / name / "last.safetensors"); }

  test::TemporaryFolder folder_;
  std::unique_ptr<Dataset> train_ = open_dataset(test::drawn_data(), Split::kTrain);
  std::unique_ptr<Dataset> validation_ = open_dataset(test::drawn_data(), Split::kValidation);
};

TEST_F(TrainerTest, LeavesARunFolder) {
  const TrainResult result = train(options(), "run");
  EXPECT_EQ(result.steps, 2 * (train_->size() / 8));
  EXPECT_EQ(result.last.classification->images, validation_->size());
  EXPECT_GT(result.peak_memory_mib, 50);
  for (const char* file : {"best.safetensors", "last.safetensors", "checkpoint.safetensors", "metrics.jsonl"}) {
    EXPECT_TRUE(fs::exists(folder_ / "run" / file)) << file;
  }
  const std::vector<std::string> rows = split(test::read_text(folder_ / "run" / "summary.csv"), '\n');
  ASSERT_EQ(rows.size(), 4u) << "header, two epochs, end";
  EXPECT_EQ(rows[0].rfind("epoch,step,learning_rate,train_loss,validation_loss,top1,", 0), 0u);
  EXPECT_EQ(rows[2].rfind("2,", 0), 0u);
  const ModelCard card = read_model_card(folder_ / "run" / "last.safetensors");
  EXPECT_EQ(card.class_names, train_->class_names());
  EXPECT_EQ(card.preprocessing.train_size, 32);
}

TEST_F(TrainerTest, ResumingGivesTheSameBitsAsNeverStopping) {
  TrainOptions all = options();
  train(all, "whole");
  // Stop in the middle of the second epoch, as Ctrl-C does.
  const TrainResult stopped = train_until(all, "parts", "\"step\":8");
  ASSERT_TRUE(stopped.interrupted);
  ASSERT_LT(stopped.steps, 12);
  all.resume = true;
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
  all.resume = true;
  train(all, "parts");
  EXPECT_EQ(model_bytes("whole"), model_bytes("parts"));
}

TEST_F(TrainerTest, AnInterruptBeforeTheFirstStepCanBeResumed) {
  TrainOptions all = options();
  all.epochs = 1;
  {
    RunFolder run(folder_ / "run", false);
    Trainer trainer(*train_, *validation_, all, run);
    std::stop_source stop;
    stop.request_stop();
    const TrainResult stopped = trainer.run(stop.get_token());
    EXPECT_TRUE(stopped.interrupted);
    EXPECT_EQ(stopped.steps, 0);
  }
  EXPECT_FALSE(fs::exists(folder_ / "run/last.safetensors")) << "nothing was trained";
  all.resume = true;
  EXPECT_EQ(train(all, "run").steps, 6);
}

TEST_F(TrainerTest, AFinishedRunStaysAsItIsAndGoesOnWithMoreEpochs) {
  TrainOptions all = options();
  const TrainResult finished = train(all, "run");
  std::map<std::string, std::string> before;
  for (const std::string& file : test::list_files(folder_ / "run")) {
    before[file] = test::read_text(folder_ / "run" / file);
  }
  all.resume = true;
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
  once.resume = true;
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
    RunFolder run(folder_ / "run", all.resume);
    return Trainer(OneBroken(*train_, broken), *validation_, all, run).run();
  };
  train_without(0);
  all.epochs = 2;
  all.resume = true;
  EXPECT_THAT(test::error_of<InputError>([&] { train_without(1); }), testing::HasSubstr("more than 1 broken images"));
}

TEST_F(TrainerTest, ThreadsOfTheLoaderDoNotChangeTheResult) {
  TrainOptions one = options();
  one.epochs = 1;
  one.loader_threads = 1;
  train(one, "one");
  TrainOptions many = one;
  many.loader_threads = 5;
  many.prefetch = 7;
  train(many, "many");
  EXPECT_EQ(model_bytes("one"), model_bytes("many"));
}

TEST_F(TrainerTest, OverfitsOneBatch) {
  TrainOptions overfit = options();
  overfit.arch = "resnet50+w8";
  overfit.mixup = MixupType::kOff;
  overfit.label_smoothing = 0;
  overfit.drop_block = {};
  overfit.average_decay = 0;
  overfit.overfit_one_batch = true;
  overfit.epochs = 6;
  overfit.eval_every = 6;
  train(overfit, "overfit");
  const std::vector<std::string> lines = split(test::read_text(folder_ / "overfit" / "metrics.jsonl"), '\n');
  const double first = nlohmann::json::parse(lines.front()).at("loss");
  const double last = nlohmann::json::parse(lines[lines.size() - 3]).at("loss");
  EXPECT_LT(last, 0.2 * first);
}

TEST_F(TrainerTest, ProgressiveResizingChangesTheCropAtItsStep) {
  TrainOptions small = options();
  small.arch = "resnet50+w8";
  small.preprocessing.train_size = 48;
  small.small_size = 32;
  small.small_share = 0.5;
  small.epochs = 2;
  EXPECT_EQ(train(small, "progressive").steps, 2 * (train_->size() / 8));
  small.small_share = 0;
  train(small, "large");
  EXPECT_NE(model_bytes("progressive"), model_bytes("large"));
}

TEST_F(TrainerTest, AccumulationTakesFewerSteps) {
  TrainOptions accumulate = options();
  accumulate.epochs = 1;
  accumulate.accumulate = 2;
  EXPECT_EQ(train(accumulate, "accumulate").steps, train_->size() / 16);
}

TEST_F(TrainerTest, MixupOfHalvesReadsTwiceAsManyImages) {
  TrainOptions halves = options();
  halves.epochs = 1;
  halves.mixup = MixupType::kHalves;
  EXPECT_EQ(train(halves, "halves").steps, train_->size() / 8);
}

TEST_F(TrainerTest, FineTunesAModelOfOtherClasses) {
  TrainOptions base = options();
  base.epochs = 1;
  train(base, "base");
  const fs::path model = folder_ / "base" / "last.safetensors";
  test::TemporaryFolder pair;
  for (const char* split : {"train", "validation"}) {
    for (const std::string& name : {train_->class_names()[0], train_->class_names()[1]}) {
      fs::create_directories(pair.path() / split);
      fs::copy(test::drawn_data() / split / name, pair.path() / split / name, fs::copy_options::recursive);
    }
  }
  const auto two = open_dataset(pair.path(), Split::kTrain);
  const auto two_validation = open_dataset(pair.path(), Split::kValidation);
  TrainOptions tune = base;
  tune.pretrained = model.string();
  tune.batch_size = 4;
  RunFolder run(folder_ / "tuned", false);
  Trainer trainer(*two, *two_validation, tune, run);
  const auto source = load_model(model);
  EXPECT_TRUE(
      torch::equal(trainer.model().named_parameters().begin()->value(), source->named_parameters().begin()->value()));
  EXPECT_EQ(trainer.run().last.classification->confusion.size(), 2u);
}

TEST_F(TrainerTest, ABf16RunLearnsToo) {
  TrainOptions bf16 = options();
  bf16.epochs = 1;
  bf16.precision = Precision::kBf16;
  EXPECT_TRUE(std::isfinite(train(bf16, "bf16").last.classification->loss));
}

/// Training on some classes, validation on others.
TEST_F(TrainerTest, RecallOfUnknownClassesPicksTheBest) {
  const test::TemporaryFolder seen;
  for (size_t c = 0; c < 4; ++c) {
    const std::string& name = train_->class_names()[c];
    fs::create_directories(seen / "train");
    fs::create_directories(seen / "validation");
    fs::copy(test::drawn_data() / "train" / name, seen / "train" / name, fs::copy_options::recursive);
    const std::string& unseen = train_->class_names()[c + 4];
    fs::copy(test::drawn_data() / "validation" / unseen, seen / "validation" / unseen, fs::copy_options::recursive);
  }
  TrainOptions zero_shot = options();
  zero_shot.arch = "resnet50+gem+emb16+w8";
  zero_shot.validation.metric = ValidationMetric::kRecallAt1;
  zero_shot.keep_best = 2;
  const auto four = open_dataset(seen.path(), Split::kTrain);
  EXPECT_THROW(open_dataset(seen.path(), Split::kValidation), InputError);
  const auto unseen = open_dataset(seen.path(), Split::kValidation, ClassRule::kAny);
  {
    RunFolder run(folder_ / "zero", false);
    const TrainResult result = Trainer(*four, *unseen, zero_shot, run).run();
    EXPECT_EQ(result.metric, "recall@1");
    EXPECT_EQ(result.last.retrieval->queries, unseen->size());
    EXPECT_GE(*result.best, result.last.score());
  }
  const std::string summary = test::read_text(folder_ / "zero/summary.csv");
  EXPECT_EQ(summary.rfind("epoch,step,learning_rate,train_loss,recall@1,recall@2,recall@4,recall@8,images_per_", 0),
            0u);
  EXPECT_NE(test::read_text(folder_ / "zero/metrics.jsonl").find("\"recall@8\""), std::string::npos);
  int named = 0, with_events = 0;
  for (const std::string& file : test::list_files(folder_ / "zero")) {
    named += file.rfind("epoch-", 0) == 0 && file.find("-recall@1-") != std::string::npos;
    if (file.rfind("events.", 0) != 0) continue;
    with_events += test::read_text(folder_ / "zero" / file).find("validation/recall@1") != std::string::npos;
  }
  EXPECT_EQ(named, 2);
  EXPECT_EQ(with_events, 1);
  const ModelCard best = read_model_card(folder_ / "zero/best.safetensors");
  EXPECT_EQ(best.class_names, four->class_names());
  EXPECT_EQ(best.training.count("recall@1"), 1u);

  zero_shot.resume = true;
  zero_shot.validation.metric = ValidationMetric::kTop1;
  RunFolder run(folder_ / "zero", true);
  EXPECT_NE(test::error_of<UsageError>([&] {
              Trainer(*four, *four, zero_shot, run);
            }).find("keeps its best models by recall@1, not top1"),
            std::string::npos);
}

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
  wild.resume = true;
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
  EXPECT_EQ(Trainer(few, *validation_, single, run).run().steps, 4);
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

TEST_F(TrainerTest, ASigmoidNetworkIsValidatedByItsLoss) {
  TrainOptions sigmoid = options();
  sigmoid.arch = "resnet50+w8";
  sigmoid.epochs = 1;
  sigmoid.loss = LossType::kSigmoid;
  const TrainResult result = train(sigmoid, "sigmoid");
  ModelCard card;
  const Classifier model = load_model(folder_ / "sigmoid/last.safetensors", &card);
  LoaderOptions loading;
  loading.preprocessing = card.preprocessing;
  Loader loader(*validation_, loading);
  const Network network = make_network(model, torch::kCPU, Precision::kF32);
  const ClassificationResult measured = evaluate(network, outputs_of(card, "m"), loader);
  EXPECT_NEAR(measured.loss, result.last.classification->loss, 1e-4);
  EXPECT_NEAR(measured.ece, result.last.classification->ece, 1e-4);
  EXPECT_EQ(outputs_of(card, "m").loss, LossType::kSigmoid);
}

TEST_F(TrainerTest, RefusesAFolderThatHoldsARun) {
  TrainOptions once = options();
  once.epochs = 1;
  train(once, "twice");
  EXPECT_NE(test::error_of<UsageError>([&] { train(once, "twice"); }).find("already holds a run"), std::string::npos);
}

TEST_F(TrainerTest, ResumingWithAnotherArchNamesBoth) {
  TrainOptions once = options();
  once.epochs = 1;
  train(once, "arch");
  once.resume = true;
  once.arch = "resnet50+w8";
  const std::string message = test::error_of<InputError>([&] { train(once, "arch"); });
  EXPECT_NE(message.find("resnet50+bl+sk+aa3+w8"), std::string::npos);
  EXPECT_NE(message.find("the run trains resnet50+w8"), std::string::npos);
}

TEST_F(TrainerTest, UnwritableOutputIsAnError) {
  test::write_bytes(folder_ / "file", {});
  EXPECT_THROW(RunFolder(folder_ / "file" / "run", false), RunError);
}

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
          &TrainOptions::bn_momentum, &TrainOptions::average_decay, &TrainOptions::clip_gradients,
          &TrainOptions::small_share, &TrainOptions::fine_eval_ratio}) {
      options = {};
      options.*value = wrong;
      EXPECT_THROW(options.check(), UsageError) << wrong;
    }
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
