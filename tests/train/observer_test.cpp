// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/observer.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "own_network.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::TrainerTest;

/// Writes down what it is told.
class Diary : public TrainObserver {
 public:
  void on_begin(Trainer& trainer) override { add("begin", trainer); }
  void on_step(Trainer& trainer, const StepReport& step) override {
    add("step", trainer);
    losses.push_back(step.loss);
  }
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override {
    add(concat("evaluation of epoch ", evaluation.epoch), trainer);
    double sum = 0;
    for (size_t i = losses.size() - static_cast<size_t>(trainer.steps_per_epoch()); i < losses.size(); ++i) {
      sum += losses[i];
    }
    EXPECT_DOUBLE_EQ(evaluation.train_loss, sum / static_cast<double>(trainer.steps_per_epoch()));
    EXPECT_EQ(evaluation.times.images, 8 * trainer.steps_per_epoch());
  }
  void on_epoch(Trainer& trainer) override { add("epoch", trainer); }
  void on_end(Trainer& trainer) override { add("end", trainer); }

  std::vector<std::string> entries;
  std::vector<double> losses;

 private:
  void add(const std::string& what, Trainer& trainer) { entries.push_back(concat(what, " @", trainer.state().step)); }
};

TEST_F(TrainerTest, TellsItsObserversWhatHappensInOrder) {
  TrainOptions brief = options();
  brief.epochs = 1;
  Diary diary;
  Trainer(*train_, *validation_, brief, {&diary}).run();
  EXPECT_EQ(diary.entries, (std::vector<std::string>{"begin @0", "step @1", "step @2", "step @3", "step @4", "step @5",
                                                     "step @6", "evaluation of epoch 1 @6", "epoch @6", "end @6"}));
}

TEST_F(TrainerTest, WithoutObserversWritesNothing) {
  TrainOptions brief = options();
  brief.epochs = 1;
  const fs::path before = fs::current_path();
  fs::current_path(folder_.path());
  Trainer trainer(*train_, *validation_, brief);
  const TrainResult result = trainer.run();
  fs::current_path(before);
  EXPECT_TRUE(test::list_files(folder_.path()).empty());
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(*result.best, result.last.score());
  // The same weights as with a run folder.
  trainer.save_model(folder_ / "last.safetensors");
  train(brief, "run");
  EXPECT_EQ(read_file(folder_ / "last.safetensors"), model_bytes("run"));
}

TEST_F(TrainerTest, AnObserverMayEndTheRunWithAnError) {
  class Strict : public TrainObserver {
    void on_step(Trainer&, const StepReport& step) override { throw RunError("strict", "that is enough"); }
  } strict;
  EXPECT_THAT(test::error_of<RunError>([&] { Trainer(*train_, *validation_, options(), {&strict}).run(); }),
              testing::HasSubstr("that is enough"));
}

TEST_F(TrainerTest, TrainsAUsersOwnNetwork) {
  test::register_own_network();
  TrainOptions own = options();
  own.arch = "own_network+emb16";
  own.drop_block = {};
  const TrainResult result = train(own, "own");
  EXPECT_EQ(result.steps, 12);
  const Classifier model = load_model(folder_ / "own/last.safetensors");
  EXPECT_EQ(model->arch().str(), "own_network+emb16");
  EXPECT_NE(dynamic_cast<test::OwnNetworkImpl*>(model.get()), nullptr);
}

}  // namespace
}  // namespace assemble
