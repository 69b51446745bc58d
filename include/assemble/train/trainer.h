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
#include "assemble/train/communicator.h"
#include "assemble/train/mixup.h"
#include "assemble/train/observer.h"
#include "assemble/train/online_teacher.h"
#include "assemble/train/optimizer.h"
#include "assemble/train/step_recorder.h"
#include "assemble/train/train_options.h"
#include "assemble/train/upload.h"
#include "assemble/train/validation.h"
#include "assemble/train/weight_average.h"

namespace assemble {

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
  bool interrupted = false;  ///< asked to stop from outside
  std::string stopped_by;    ///< the option that ended it before its last epoch, "max_steps"; empty otherwise
};

/// Trains one network on one device. It writes no files and shows nothing: its observers do (RunObservers).
///
/// Step k reads micro-batches k·accumulate …, counted over epochs of the loader, so resuming at a step gives the same
/// stream as never having stopped.
///
/// Under a Communicator of several processes each has a trainer of the same options and data. Together they take the
/// samples that one process with `batch_size` times their number would take, with the same augmentation, mixup and
/// DropBlock; the gradient is the mean of theirs. Rank 0 alone reads `pretrained` and `resume`, and its state becomes
/// that of all. Batch norm is over a process' own images, and running statistics are the mean of all processes', unless
/// `sync_bn` has it over the images of all. Observers are rank 0's affair.
class Trainer {
 public:
  /// @param validation of the same classes, or of any under ValidationMetric::kRecallAt1. Where several classes may be
  ///        right (Dataset::multi_label()), both are so, the loss is LossType::kSigmoid and the metric kMap
  /// @param observers told of what happens; they must outlive the trainer. RunObservers are those of a run folder
  /// @param ranks the processes that train together; this one alone by default
  /// @throws UsageError for options that do not fit the network, the data or the run to go on with; InputError for
  ///         files that cannot be used
  Trainer(const Dataset& train, const Dataset& validation, const TrainOptions& options,
          std::vector<TrainObserver*> observers = {},
          std::shared_ptr<Communicator> ranks = std::make_shared<Communicator>());

  /// Trains to the last epoch, validating on the way, or until it is asked to stop: it does so after a step. A run that
  /// is finished already stays as it is. A process that is asked to stop stops all.
  /// @throws RunError when the loss, the weights or the outputs are no longer finite, and when a process is lost
  TrainResult run(std::stop_token stop = {});

  /// Ends the run after the present step and what follows it, as a stop token does. For observers.
  /// @param option that wants it, "max_steps". The first reason stays
  void stop(const std::string& option);
  /// The option that ended the run; empty: none.
  const std::string& stopped_by() const { return stopped_by_; }

  ClassifierImpl& model() { return *model_; }
  const ModelCard& card() const { return card_; }
  const TrainOptions& options() const { return options_; }
  const Communicator& ranks() const { return *ranks_; }
  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t total_steps() const { return total_steps_; }
  /// How far the run is.
  const TrainingState& state() const { return state_; }
  /// The last evaluation of run(); nothing before the first.
  const ValidationResult& last() const { return last_; }
  /// Score of the best evaluation; nothing before the first.
  const std::optional<double>& best() const { return best_; }
  /// What the network saw last, before it was mixed.
  const Batch& batch() const { return batch_; }
  /// Whether run() has taken a step.
  bool has_trained() const { return times_.images > 0; }
  /// Of all steps that run() has taken.
  const StepTimes& times() const { return times_; }
  /// The network holds its averaged weights, where there are averages, while the guard lives.
  AveragedWeights averaged_weights() { return AveragedWeights(average_.get()); }
  /// What weight decay adds to the loss.
  double l2() const { return optimizer_->regularization(); }

  /// Writes the network as a model file, with its averaged weights where there are averages.
  void save_model(const fs::path& path);
  /// Everything that a run needs to go on. @param kept the best models, which TrainingState::kept holds again
  Checkpoint checkpoint(const std::vector<KeptModel>& kept = {});
  void save_checkpoint(const fs::path& path, const std::vector<KeptModel>& kept = {}) {
    write_checkpoint(path, checkpoint(kept));
  }

 private:
  void check_data() const;
  void check_labels(const Dataset& validation) const;
  void check_sides();
  void start();
  void start_from_pretrained();
  std::vector<TrainedParameter> parameters_to_train() const;
  void resume();
  void require_same_start() const;
  void share_start();
  void share_gradients();
  void settle_buckets();
  void share_figures(StepReport& report);
  void share_broken();
  void compare_ranks();
  void adapt_to_processes();
  std::vector<torch::Tensor> kept_tensors() const;
  void warn_of_no_effect() const;
  int64_t small_steps() const;
  void start_loader(LoaderState from);
  void next_batch(Batch& batch);
  StepReport train_step();
  bool is_left_out(const StepReport& report, const std::vector<torch::Tensor>& buffers);
  bool measures_gradient() const;
  bool measures_top1() const;
  void key_drop_block();
  void seed_device();
  void key_stochastic_depth(int64_t index, int64_t images);
  torch::Tensor micro_step(int64_t index);
  torch::Tensor pass(const LabelledBatch& batch, bool synchronise);
  void note_figures(const torch::Tensor& figures, StepReport& report) const;
  void finish_step();
  void start_asynchronous();
  bool can_be_recorded() const;
  std::unique_ptr<RecordedWork> recorded(const std::function<void()>& work);
  StepReport asynchronous_step();
  torch::Tensor whole_step(const LabelledBatch& batch);
  torch::Tensor optimize();
  void read_figures();
  std::vector<int64_t> places(int64_t images) const;
  torch::Tensor lambdas(int64_t images, int64_t index) const;
  LabelledBatch mixed(const LabelledBatch& batch, int64_t index);
  torch::Tensor images();
  torch::Tensor targets();
  LabelledBatch labelled_batch(int64_t index);
  bool is_evaluated(int64_t epoch) const;
  void evaluate_epoch(int64_t epoch);
  void note_evaluation(int64_t epoch);
  ValidationResult validate_averaged();
  void require_finite_weights() const;
  void explain_outputs();
  void train_to_the_end(const std::stop_token& stop);
  bool is_ended(const std::stop_token& stop);
  void note_progress();
  TrainResult result() const;
  double initial_share() const;

  const Dataset& train_;
  TrainOptions options_;
  std::vector<TrainObserver*> observers_;
  std::shared_ptr<Communicator> ranks_;
  Arch arch_;
  ModelCard card_;
  Classifier model_;
  torch::Tensor log_priors_;  // under ClassBalance::kLoss
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Validator> validator_;
  std::unique_ptr<Optimizer> optimizer_;
  Upload upload_;
  std::unique_ptr<StepRecorder> recorder_;  // of asynchronous steps
  torch::Tensor figures_;                   // of the last step, on the device
  torch::Tensor unread_loss_;               // summed since figures were read
  int64_t unread_ = 0;                      // steps
  StepReport report_;                       // what was read last
  std::unique_ptr<OnlineTeacher> teacher_;
  std::unique_ptr<WeightAverage> average_;
  TrainingState state_;
  std::vector<torch::Tensor> statistics_;  // of batch norms over a process' own images
  double broken_ = 0;                      // samples, of all processes together
  int64_t steps_per_epoch_ = 0;
  int64_t total_steps_ = 0;
  int64_t data_epoch_ = 0;
  Batch batch_;
  StepTimes step_times_;   // of the present step
  StepTimes times_;        // of the whole run
  StepTimes epoch_times_;  // since the last validation
  ValidationResult last_;
  std::optional<double> best_;
  std::string stopped_by_;
  bool interrupted_ = false;
  double elapsed_before_ = 0;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace assemble
