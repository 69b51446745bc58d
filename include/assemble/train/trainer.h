// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "assemble/data/dataset.h"
#include "assemble/data/loader.h"
#include "assemble/models/model_file.h"
#include "assemble/train/checkpoint.h"
#include "assemble/train/losses.h"
#include "assemble/train/mixup.h"
#include "assemble/train/optimizer.h"
#include "assemble/train/run_folder.h"
#include "assemble/train/schedules.h"
#include "assemble/train/validation.h"
#include "assemble/train/weight_average.h"

namespace assemble {

/// Options of a training run; defaults suit a small data set, recipes/ holds the paper's.
struct TrainOptions {
  std::string arch = "assemble_resnet50";
  std::string pretrained;  ///< model file whose weights, the classifier excepted, start the run
  bool resume = false;     ///< go on from the run folder's checkpoint
  uint64_t seed = 0;

  int64_t epochs = 100;
  int64_t batch_size = 32;  ///< images a forward pass
  int64_t accumulate = 1;   ///< forward passes a step
  LossType loss = LossType::kSoftmax;
  double label_smoothing = 0;
  double kd_temperature = 0;  ///< 0: no distillation
  MixupType mixup = MixupType::kOff;
  double mixup_alpha = 0.2;
  std::vector<double> drop_block;  ///< keep probability at the first and the last step; empty: off
  int64_t drop_block_size = 7;
  bool zero_gamma = false;
  double bn_momentum = 0.997;
  double average_decay = 0;   ///< of the weights' moving average; 0: off
  double clip_gradients = 0;  ///< largest gradient norm; 0: off

  LearningRateSchedule schedule;  ///< steps_per_epoch and train_epochs are set by the trainer
  MomentumSgdOptions optimizer;

  Preprocessing preprocessing;
  int small_size = 0;        ///< side of training crops in the first part of the run (progressive resizing); 0: off
  double small_share = 0.5;  ///< share of the steps at small_size
  Augmentation augmentation;
  int loader_threads = 0;  ///< 0: every core
  int prefetch = 3;
  Decoding decoding = Decoding::kExact;  ///< of training images; validation is always exact
  int64_t max_broken = 100;
  int64_t eval_batch_size = 64;
  ValidationOptions validation;

  int64_t eval_every = 1;      ///< epochs
  double fine_eval_ratio = 1;  ///< after this share of the epochs, evaluate after every one
  int keep_best = 1;
  bool keep_every_evaluation = false;
  int64_t log_every = 20;          ///< steps
  bool overfit_one_batch = false;  ///< train on the first batch alone: a check that the network can learn

  torch::Device device = torch::kCPU;
  Precision precision = Precision::kF32;

  /// @throws UsageError for values that do not fit
  void check() const;
};

/// How a run ended.
struct TrainResult {
  ValidationResult last;                                 ///< nothing when this run of the program evaluated nothing
  std::vector<std::pair<std::string, double>> measures;  ///< figures of the last evaluation, also of before a resume
  std::string metric;                                    ///< by which the best models are kept: "top1" or "recall\@1"
  std::optional<double> best;                            ///< the best model's; nothing before the first evaluation
  int64_t steps = 0;
  double seconds = 0;
  double images_per_second = 0;
  double data_wait_share = 0;
  double peak_memory_mib = 0;
  bool interrupted = false;
};

/// Where a run's wall time goes, seconds. On CUDA, work is queued, so only the sum is exact.
struct StepTimes {
  double data = 0;
  double forward = 0;
  double backward = 0;
  double optimizer = 0;
  int64_t images = 0;
  double total() const { return data + forward + backward + optimizer; }
};

/// Trains one network on one device.
///
/// Step k reads micro-batches k·accumulate …, counted over epochs of the loader, so resuming at a step gives the same
/// stream as never having stopped.
class Trainer {
 public:
  /// @param validation of the same classes, or of any under ValidationMetric::kRecallAt1
  /// @throws UsageError for options that do not fit the network, the data or the run to go on with; InputError for
  /// files
  ///         that cannot be used
  Trainer(const Dataset& train, const Dataset& validation, const TrainOptions& options, RunFolder& folder);

  /// Trains to the last epoch, evaluating and saving on the way, or until it is asked to stop: it does so after a step,
  /// and saves. A run that is finished already stays as it is.
  /// @throws RunError when the loss, the weights or the outputs are no longer finite: what was saved before stays
  TrainResult run(std::stop_token stop = {});

  ClassifierImpl& model() { return *model_; }
  const ModelCard& card() const { return card_; }
  int64_t steps_per_epoch() const { return steps_per_epoch_; }

 private:
  void check_data() const;
  void check_sides();
  void start();
  void resume();
  void warn_of_no_effect() const;
  int64_t small_steps() const;
  void start_loader(LoaderState from);
  void next_batch(Batch& batch);
  double train_step();
  double micro_step(int64_t index);
  LabelledBatch labelled_batch(int64_t index);
  void log_step(double loss);
  bool is_evaluated(int64_t epoch) const;
  void finish_epoch(int64_t epoch);
  ValidationResult validate_averaged();
  void require_finite_weights() const;
  void explain_outputs();
  void train_to_the_end(const std::stop_token& stop);
  void save(bool with_model);
  TrainResult result() const;
  double initial_share() const;

  const Dataset& train_;
  TrainOptions options_;
  RunFolder& folder_;
  ModelCard card_;
  Classifier model_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Validator> validator_;
  std::unique_ptr<MomentumSgd> optimizer_;
  std::unique_ptr<WeightAverage> average_;
  std::unique_ptr<BestKeeper> keeper_;
  TrainingState state_;
  int64_t steps_per_epoch_ = 0;
  int64_t total_steps_ = 0;
  int64_t data_epoch_ = 0;
  Batch batch_;
  StepTimes times_;        // of the whole run
  StepTimes epoch_times_;  // since the last summary
  ValidationResult last_;
  double elapsed_before_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace assemble
