// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/trainer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/models/network.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

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

TEST_F(TrainerTest, ModelFilesNoteWhatTheLastTrainingAugmentedWith) {
  const auto note_of = [&](const TrainOptions& options, const std::string& name) {
    train(options, name);
    return read_model_card(folder_ / name / "last.safetensors").training.at("augmentation");
  };
  TrainOptions coloured = options();
  coloured.epochs = 1;
  coloured.augmentation.color_jitter = 0.4;
  EXPECT_EQ(note_of(coloured, "coloured"), "color_jitter");
  TrainOptions plain = options();
  plain.epochs = 1;
  plain.pretrained = (folder_ / "coloured/last.safetensors").string();
  EXPECT_EQ(note_of(plain, "plain"), "none");
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
  RunObservers observers(run, tune);
  Trainer trainer(*two, *two_validation, tune, observers.all());
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
    RunObservers observers(run, zero_shot);
    const TrainResult result = Trainer(*four, *unseen, zero_shot, observers.all()).run();
    EXPECT_EQ(result.metric, "recall@1");
    EXPECT_EQ(result.last.retrieval->queries, unseen->size());
    EXPECT_GE(*result.best, result.last.score());
  }
  const std::string summary = test::read_text(folder_ / "zero/summary.csv");
  EXPECT_EQ(
      summary.rfind("epoch,step,learning_rate,train_loss,recall@1,recall@2,recall@4,recall@8,map@r,images_per_", 0),
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

  zero_shot.resume = checkpoint("zero");
  zero_shot.validation.metric = ValidationMetric::kTop1;
  RunFolder run(folder_ / "zero", true);
  EXPECT_NE(test::error_of<UsageError>([&] {
              RunObservers observers(run, zero_shot);
              Trainer(*four, *four, zero_shot, observers.all());
            }).find("keeps its best models by recall@1, not top1"),
            std::string::npos);
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

}  // namespace
}  // namespace assemble
