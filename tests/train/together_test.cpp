// SPDX-License-Identifier: Apache-2.0
// Several processes, here threads with a trainer each, train as one does.
#include <ATen/record_function.h>
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <map>

#include "assemble/core/error.h"
#include "assemble/io/safetensors.h"
#include "assemble/models/tensor_file.h"
#include "assemble/train/stop_rules.h"
#include "in_ranks.h"
#include "trainer_fixture.h"

namespace assemble {
namespace {

using test::in_ranks;
using test::TrainerTest;
using Tensors = std::map<std::string, torch::Tensor>;

/// Notes the loss of each step and the samples that it took.
class Notes : public TrainObserver {
 public:
  void on_step(Trainer& trainer, const StepReport& step) override {
    losses.push_back(step.loss);
    const std::vector<int64_t>& indices = trainer.batch().indices;
    samples.insert(samples.end(), indices.begin(), indices.end());
  }
  std::vector<double> losses;
  std::vector<int64_t> samples;
};

struct Outcome {
  std::vector<double> losses;
  Tensors weights, momentum;
  TrainResult result;
};

class Together : public TrainerTest {
 protected:
  /// What a single process has as its batch is shared by `world`.
  static TrainOptions small(const std::string& arch) {
    TrainOptions all = options();
    all.arch = arch;
    all.batch_size = 16;
    all.drop_block = {};
    all.mixup = MixupType::kOff;
    all.optimizer.weight_decay = 0;
    all.loader_threads = 1;
    return all;
  }

  static Tensors tensors_of(const fs::path& checkpoint, const std::string& prefix) {
    Tensors tensors;
    const SafetensorsFile file(checkpoint);
    for (const auto& [name, entry] : file.tensors()) {
      if (name.starts_with(prefix)) tensors[name.substr(prefix.size())] = read_tensor(file, name);
    }
    return tensors;
  }

  Outcome train(TrainOptions all, int world) {
    all.batch_size /= world;
    Outcome outcome;
    const fs::path checkpoint = folder_ / concat("checkpoint", ++runs_, ".safetensors");
    const auto one = [&](const Ranks& place) {
      Notes notes;
      StopRules rules;
      std::vector<TrainObserver*> observers{&notes};
      if (place.rank == 0) observers.push_back(&rules);
      Trainer trainer(*train_, *validation_, all, observers, connect(place, {}));
      const TrainResult result = trainer.run();
      const std::lock_guard lock(mutex_);
      samples_.insert(samples_.end(), notes.samples.begin(), notes.samples.end());
      if (place.rank > 0) return;
      trainer.save_checkpoint(checkpoint);
      outcome = {notes.losses, tensors_of(checkpoint, "model."), tensors_of(checkpoint, "momentum."), result};
    };
    in_ranks(world, one);
    return outcome;
  }

  /// The largest difference of a tensor by its norm.
  static double difference(const Tensors& expected, const Tensors& actual) {
    EXPECT_EQ(expected.size(), actual.size());
    double largest = 0;
    std::string worst;
    for (const auto& [name, tensor] : expected) {
      const double norm = tensor.norm().item<double>();
      const double off = (tensor - actual.at(name)).norm().item<double>() / std::max(norm, 1e-6);
      if (off > largest) worst = name;
      largest = std::max(largest, off);
    }
    std::cout << "largest relative difference " << largest << " in " << worst << std::endl;
    return largest;
  }

  int runs_ = 0;
  std::mutex mutex_;
  std::vector<int64_t> samples_;
};

/// One process that does in turns what the processes do at once: batch norm sees the same images.
TrainOptions in_turns(TrainOptions all, int world) {
  all.batch_size /= world;
  all.accumulate *= world;
  return all;
}

/// After one step from rest, momentum is the gradient. That of shared batch norms: communicator_test.cpp.
TEST_F(Together, GradientsAreThoseOfOneProcess) {
  for (const char* arch : {"resnet50+w8", "resnet50+bl+sk+aa3+d+w8", "mobilenet_v1+w8"}) {
    for (const int64_t accumulate : {1, 2}) {
      for (const int world : {2, 4}) {
        TrainOptions all = small(arch);
        all.max_steps = 1;
        all.accumulate = accumulate;
        SCOPED_TRACE(concat(arch, ", ", world, " processes, accumulate ", accumulate));
        EXPECT_LT(difference(train(in_turns(all, world), 1).momentum, train(all, world).momentum), 1e-5);
      }
    }
  }
}

/// Processes climb along the gradient of all, and share that of the place which they come to.
TEST_F(Together, SharpnessAwareStepsAreThoseOfOneProcess) {
  TrainOptions all = small("resnet50+w8");
  all.max_steps = 1;
  all.sync_bn = true;
  all.zero_gamma = true;  // without it, shared batch norms make much of rounding
  const Tensors plain = train(all, 1).momentum;
  all.sam_rho = 0.05;
  const Tensors one = train(all, 1).momentum, two = train(all, 2).momentum;
  EXPECT_GT(difference(plain, one), 0.1);
  EXPECT_LT(difference(one, two), 1e-4);
}

TEST_F(Together, TwentyStepsHaveTheLossesOfOneProcess) {
  for (const char* arch : {"resnet50+w8", "resnet50+bl+sk+aa3+d+w8", "mobilenet_v1+w8"}) {
    TrainOptions all = small(arch);
    all.epochs = 7;
    all.max_steps = 20;
    const Outcome one = train(in_turns(all, 2), 1), two = train(all, 2);
    ASSERT_EQ(one.losses.size(), 20u);
    ASSERT_EQ(two.losses.size(), 20u);
    double largest = 0;
    for (size_t i = 0; i < 20; ++i) largest = std::max(largest, std::abs(two.losses[i] / one.losses[i] - 1));
    std::cout << arch << ": largest relative difference of a loss " << largest << std::endl;
    EXPECT_LT(largest, 1e-5);
    EXPECT_EQ(two.result.stopped_by, "max_steps");
  }
}

using Clock = std::chrono::steady_clock;

/// What LibTorch computes in this thread: when gradients leave for the other processes, and until when they are
/// computed.
struct Trace {
  std::vector<std::pair<Clock::time_point, int64_t>> buckets;  // and bytes
  Clock::time_point last_convolution;
};
thread_local Trace trace;

std::unique_ptr<at::ObserverContext> note_begin(const at::RecordFunction& function) {
  if (function.name() != std::string("c10d::allreduce_")) return nullptr;
  for (const torch::Tensor& tensor : function.inputs()[0].toTensorVector()) {
    // Others are figures, in doubles.
    if (tensor.scalar_type() == torch::kFloat) trace.buckets.emplace_back(Clock::now(), tensor.nbytes());
  }
  return nullptr;
}

void note_end(const at::RecordFunction& function, at::ObserverContext*) {
  if (function.name() == std::string("aten::convolution_backward")) trace.last_convolution = Clock::now();
}

/// Adds up the bytes of all steps but the first, which finds out in which order gradients come.
class Overlap : public TrainObserver {
 public:
  void on_step(Trainer& trainer, const StepReport&) override {
    const Trace step = std::exchange(trace, {});
    if (trainer.state().step == 1) return;
    for (const auto& [left, bytes] : step.buckets) {
      all += bytes;
      if (left < step.last_convolution) early += bytes;
    }
  }
  int64_t all = 0, early = 0;
};

TEST_F(Together, NineTenthsOfTheGradientAreOnTheirWayBeforeBackwardEnds) {
  const at::CallbackHandle callback = at::addGlobalCallback(
      at::RecordFunctionCallback(note_begin, note_end).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
  for (const char* arch : {"resnet50+w16", "resnet50+bl+sk+aa3+w16", "mobilenet_v1+w16"}) {
    TrainOptions all = small(arch);
    all.batch_size = 4;
    all.sync_bn = true;
    all.max_steps = 4;
    in_ranks(2, [&](const Ranks& place) {
      trace = {};
      Overlap overlap;
      StopRules rules;
      Trainer(*train_, *validation_, all, {&overlap, &rules}, connect(place, {})).run();
      const double share = static_cast<double>(overlap.early) / static_cast<double>(overlap.all);
      EXPECT_GE(share, 0.9) << arch;
      const std::lock_guard lock(mutex_);
      std::cout << arch << ", rank " << place.rank << ": " << share << " of " << overlap.all << " bytes" << std::endl;
    });
  }
  at::removeCallback(callback);
}

/// Each technique draws for a sample what it draws in one process.
TEST_F(Together, TechniquesDrawWhatOneProcessDraws) {
  const std::vector<std::pair<const char*, std::function<void(TrainOptions&)>>> techniques{
      {"mixup 1", [](TrainOptions& all) { all.mixup = MixupType::kHalves; }},
      {"mixup 2", [](TrainOptions& all) { all.mixup = MixupType::kKeepBatch; }},
      {"mixup 3", [](TrainOptions& all) { all.mixup = MixupType::kReversed; }},
      {"CutMix", [](TrainOptions& all) { all.cutmix_alpha = 1; }},
      {"DropBlock",
       [](TrainOptions& all) {
         all.drop_block = {0.9, 0.8};
       }},
      {"mixup 2 or CutMix",
       [](TrainOptions& all) {
         all.mixup = MixupType::kKeepBatch;
         all.cutmix_alpha = 1;
       }},
      {"stochastic depth", [](TrainOptions& all) { all.stochastic_depth = 0.5; }},
      {"stochastic depth of two passes",
       [](TrainOptions& all) {
         all.stochastic_depth = 0.5;
         all.accumulate = 2;
       }},
      {"stochastic depth with mixup 1",
       [](TrainOptions& all) {
         all.stochastic_depth = 0.5;
         all.mixup = MixupType::kHalves;
       }},
      {"stochastic depth with CutMix",
       [](TrainOptions& all) {
         all.stochastic_depth = 0.5;
         all.cutmix_alpha = 1;
       }},
      {"AugMix with stochastic depth", [](TrainOptions& all) {
         all.augmentation.aug_mix.severity = 3;
         all.stochastic_depth = 0.5;
       }}};
  for (const auto& [name, use] : techniques) {
    SCOPED_TRACE(name);
    TrainOptions all = small("resnet50+sk+w8");
    all.sync_bn = true;
    all.max_steps = 1;
    all.mixup_alpha = 1;
    use(all);
    const Outcome one = train(all, 1);
    const std::vector<int64_t> samples = std::exchange(samples_, {});
    const Outcome two = train(all, 2);
    EXPECT_THAT(std::exchange(samples_, {}), testing::UnorderedElementsAreArray(samples));
    EXPECT_NEAR(two.losses.front() / one.losses.front(), 1, 1e-4);
  }
}

TEST_F(Together, EvaluationCountsEveryImageOnce) {
  TrainOptions all = small("resnet50+w8");
  all.sync_bn = true;
  all.epochs = 1;
  all.schedule.base = 1e-6;
  TrainOptions of_three = all;
  of_three.batch_size = 15;
  const Outcome one = train(all, 1), three = train(of_three, 3);
  ASSERT_TRUE(one.result.last.classification && three.result.last.classification);
  EXPECT_EQ(three.result.last.classification->images, validation_->size());
  const Outcome two = train(all, 2);
  EXPECT_EQ(two.result.last.classification->confusion, one.result.last.classification->confusion);
  EXPECT_NEAR(two.result.last.classification->loss / one.result.last.classification->loss, 1, 1e-3);
}

TEST_F(Together, RetrievalComparesTheImagesOfAllProcesses) {
  TrainOptions all = small("resnet50+gem+emb8+w8");
  all.sync_bn = true;
  all.epochs = 1;
  all.schedule.base = 1e-6;
  all.validation.metric = ValidationMetric::kRecallAt1;
  const Outcome one = train(all, 1), two = train(all, 2);
  ASSERT_TRUE(one.result.last.retrieval && two.result.last.retrieval);
  EXPECT_EQ(two.result.last.retrieval->queries, validation_->size());
  EXPECT_NEAR(two.result.last.retrieval->map_at_r, one.result.last.retrieval->map_at_r, 0.05);
}

/// Without sync_bn, running statistics are the mean of the processes', and so the same on all: comparisons find no
/// difference.
TEST_F(Together, AllHoldTheSameStateWithBatchNormsOfTheirOwn) {
  TrainOptions all = small("resnet50+w8");
  all.compare_every = 1;
  all.average_decay = 0.9;
  all.epochs = 1;
  const Outcome two = train(all, 2);
  EXPECT_EQ(two.losses.size(), 3u);
}

/// Changes one weight of one rank, as a fault of its memory would.
class Drift : public TrainObserver {
 public:
  void on_step(Trainer& trainer, const StepReport&) override {
    *trainer.model().parameters().front().data_ptr<float>() += 1e-3f;
  }
};

TEST_F(Together, NamesTheRankThatDrifts) {
  TrainOptions all = small("resnet50+w8");
  all.batch_size = 4;
  all.compare_every = 1;
  std::vector<std::string> errors(3);
  in_ranks(3, [&](const Ranks& place) {
    Drift drift;
    std::vector<TrainObserver*> observers;
    if (place.rank == 1) observers.push_back(&drift);
    Trainer trainer(*train_, *validation_, all, observers, connect(place, {}));
    errors[static_cast<size_t>(place.rank)] = test::error_of<RunError>([&] { trainer.run(); });
  });
  EXPECT_THAT(errors, testing::Each(testing::HasSubstr("rank 1: holds other weights")));
}

TEST_F(Together, RefusesRanksOfOtherDataAndOptions) {
  std::vector<std::string> errors(2);
  in_ranks(2, [&](const Ranks& place) {
    TrainOptions all = small("resnet50+w8");
    all.batch_size = 4;
    all.seed = place.rank == 0 ? 1 : 2;
    errors[static_cast<size_t>(place.rank)] =
        test::error_of<UsageError>([&] { Trainer(*train_, *validation_, all, {}, connect(place, {})); });
  });
  EXPECT_THAT(errors, testing::Each(testing::HasSubstr("rank 1: has other options or data than rank 0: seed = 2")));
  const DatasetRange fewer(*train_, 0, train_->size() - 1);
  in_ranks(2, [&](const Ranks& place) {
    TrainOptions all = small("resnet50+w8");
    all.batch_size = 4;
    const Dataset& own = place.rank == 0 ? *train_ : static_cast<const Dataset&>(fewer);
    errors[static_cast<size_t>(place.rank)] =
        test::error_of<UsageError>([&] { Trainer(own, *validation_, all, {}, connect(place, {})); });
  });
  EXPECT_THAT(errors, testing::Each(testing::HasSubstr(concat("images = ", fewer.size(), ", there images = "))));
}

TEST_F(Together, RefusesBatchesThatTogetherAreMoreThanTheDataSet) {
  in_ranks(3, [&](const Ranks& place) {
    TrainOptions all = small("resnet50+w8");
    all.batch_size = train_->size() / 2;
    const std::shared_ptr<Communicator> ranks = connect(place, {});
    EXPECT_THAT(test::error_of<UsageError>([&] { Trainer(*train_, *validation_, all, {}, ranks); }),
                testing::HasSubstr(concat("reads ", 3 * all.batch_size, " images a pass of all processes")));
  });
}

/// Those of a GPU: exchanges of gradients and statistics are part of the step that is recorded there.
TEST_F(Together, StepsThatWaitForNothingAreThoseThatWait) {
  TrainOptions all = small("resnet50+w8");
  all.zero_gamma = true;
  all.schedule.base = 0.002;
  all.max_steps = 4;
  const Outcome waiting = train(all, 2);
  all.asynchronous = true;
  const Outcome later = train(all, 2);
  EXPECT_LT(difference(waiting.weights, later.weights), 1e-4) << "rates are f32 there";
}

TEST_F(Together, GradientsAreSharedAnewAfterAPassThatWasBrokenOff) {
  in_ranks(2, [](const Ranks& place) {
    const std::unique_ptr<Communicator> ranks = connect(place, {.to_answer = std::chrono::seconds(2)});
    const torch::Tensor first = torch::ones({3}).requires_grad_(), second = torch::ones({3}).requires_grad_();
    ranks->share_gradients({first, second});
    const double mine = 1 + place.rank;
    ranks->backward((first * mine + second).sum(), /*synchronise=*/true);
    const torch::Tensor thrown = (first * mine + second).sum();
    thrown.register_hook(
        [](const torch::Tensor&) -> torch::Tensor { throw std::runtime_error("as a recording does"); });
    EXPECT_ANY_THROW(ranks->backward(thrown, /*synchronise=*/true));
    ranks->share_gradients({first, second});
    first.mutable_grad().reset();
    second.mutable_grad().reset();
    ranks->backward((first * mine + second).sum(), /*synchronise=*/true);
    EXPECT_TRUE(first.grad().eq(1.5).all().item<bool>());
    EXPECT_TRUE(second.grad().eq(1).all().item<bool>());
  });
}

TEST_F(Together, RefusesBatchesThatMixupCannotShare) {
  in_ranks(2, [&](const Ranks& place) {
    TrainOptions all = small("resnet50+w8");
    all.batch_size = 6;
    all.mixup = MixupType::kKeepBatch;
    const std::shared_ptr<Communicator> ranks = connect(place, {});
    EXPECT_THAT(test::error_of<UsageError>([&] { Trainer(*train_, *validation_, all, {}, ranks); }),
                testing::HasSubstr("is no multiple of 4"));
  });
}

TEST_F(Together, TheLearningRateFollowsTheImagesAStepWhereAsked) {
  TrainOptions all = small("resnet50+w8");
  all.accumulate = 2;
  all.batch_size = 8;
  all.schedule.base = 0.1;
  all.scale_lr = 64;
  EXPECT_DOUBLE_EQ(Trainer(*train_, *validation_, all).options().schedule.base, 0.025);
  all.scale_lr = 0;
  EXPECT_DOUBLE_EQ(Trainer(*train_, *validation_, all).options().schedule.base, 0.1);
}

}  // namespace
}  // namespace assemble
