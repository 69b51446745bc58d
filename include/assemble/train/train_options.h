// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <optional>
#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/core/precision.h"
#include "assemble/data/class_balance.h"
#include "assemble/data/loader.h"
#include "assemble/deploy/engine.h"
#include "assemble/deploy/loss_type.h"
#include "assemble/image/preprocess.h"
#include "assemble/models/freeze.h"
#include "assemble/train/adamw.h"
#include "assemble/train/losses.h"
#include "assemble/train/mixup.h"
#include "assemble/train/schedules.h"
#include "assemble/train/validation.h"

namespace assemble {

/// How often a run writes its checkpoint. It is written at the end of a run too.
struct CheckpointInterval {
  enum class Unit { kSteps, kEpochs, kMinutes };
  double amount = 1;  ///< whole steps; epochs also in fractions
  Unit unit = Unit::kEpochs;

  /// "500" steps, "0.25e" epochs, "10m" minutes. @throws UsageError for other texts
  static CheckpointInterval parse(const std::string& text);
};

/// Options of a training run; defaults suit a small data set, recipes/ holds the paper's.
struct TrainOptions {
  std::string arch = "assemble_resnet50";
  /// Model file, TensorFlow checkpoint, .pth or .safetensors whose weights start the run: see warm_start().
  std::string pretrained;
  bool pretrained_classifier = false;       ///< its classifier too, which must be of the same classes
  bool pretrained_averages = false;         ///< the file's averaged weights in place of its last ones
  FreezeDepth freeze = FreezeDepth::kNone;  ///< what stays as `pretrained` has it
  double backbone_lr_factor = 1;            ///< factor of the learning rate for all but embedding and classifier
  /// Checkpoint of a run to go on with; where it is not there, the run begins. Empty: a new run.
  fs::path resume;
  uint64_t seed = 0;

  int64_t epochs = 100;
  int64_t batch_size = 32;  ///< images a forward pass
  int64_t accumulate = 1;   ///< forward passes a step
  LossType loss = LossType::kSoftmax;
  double cosine_scale = 30;     ///< s of the losses of is_cosine()
  double arcface_margin = 0.3;  ///< m of LossType::kArcFace, radians
  double label_smoothing = 0;
  ClassBalance balance = ClassBalance::kNone;
  SigmoidOptions sigmoid;      ///< of LossType::kSigmoid
  double jensen_shannon = 12;  ///< weight of that loss over AugMix' views, with augmentation.aug_mix; 0: one view alone
  double kd_temperature = 0;   ///< 0: no distillation
  /// Model that looks at the very images of training (see OnlineTeacher), in place of logits stored with the data;
  /// empty: the stored ones.
  std::string teacher;
  std::optional<EngineKind> teacher_engine;  ///< nothing: LibTorch for a model file on a GPU, else OpenVINO
  Precision teacher_precision = Precision::kF32;
  MixupType mixup = MixupType::kOff;
  double mixup_alpha = 0.2;
  double cutmix_alpha = 0;         ///< α of CutMix's Beta(α, α), usually 1; 0: off
  double cutmix_share = 0.5;       ///< of the passes that CutMix mixes in mixup's place, where both are on
  std::vector<double> drop_block;  ///< keep probability at the first and the last step; empty: off
  int64_t drop_block_size = 7;
  double stochastic_depth = 0;  ///< probability that the last residual block is dropped; 0: off
  bool zero_gamma = false;
  /// Nothing: max(1 - 10/s, 0.9) of s steps an epoch, which suits fine-tuning.
  std::optional<double> bn_momentum = 0.997;
  double average_decay = 0;   ///< of the weights' moving average; 0: off
  double clip_gradients = 0;  ///< largest gradient norm; 0: off
  double sam_rho = 0;         ///< distance ρ of sharpness-aware minimisation; 0: off
  int64_t sam_every = 1;      ///< steps, the last of which is sharpness-aware
  /// Steps of the run that are left out since their loss or gradient is not finite; one more ends it.
  int64_t skip_non_finite = 0;

  LearningRateSchedule schedule;  ///< steps_per_epoch and train_epochs are set by the trainer
  OptimizerType optimizer_type = OptimizerType::kSgd;
  MomentumSgdOptions optimizer;  ///< its weight decay is that of every type
  AdamOptions adam;              ///< of AdamW and LAMB

  Preprocessing preprocessing;
  int small_size = 0;        ///< side of training crops in the first part of the run (progressive resizing); 0: off
  double small_share = 0.5;  ///< share of the steps at small_size
  Augmentation augmentation;
  int64_t aug_repeats = 1;  ///< places of a batch in a row that are of one image (repeated augmentation); 1: off
  int loader_threads = 0;   ///< 0: every core
  int prefetch = 3;
  Decoding decoding = Decoding::kExact;  ///< of training images; validation is always exact
  /// Training images are resized, mirrored and brought to their range where the network computes, with the same bits:
  /// the loader decodes alone, and bytes are sent. For preprocessing and augmentation of is_plain_window().
  bool crop_on_device = false;
  int64_t max_broken = 100;
  int64_t eval_batch_size = 64;
  ValidationOptions validation;

  int64_t eval_every = 1;      ///< epochs
  double fine_eval_ratio = 1;  ///< after this share of the epochs, evaluate after every one
  int keep_best = 1;
  int keep_checkpoints = 1;  ///< the last one, and those before it under their steps' names
  bool keep_every_evaluation = false;
  int64_t log_every = 20;          ///< steps
  int64_t log_images = 0;          ///< images of the batch that go to TensorBoard with each evaluation; 0: none
  int64_t profile = 0;             ///< steps that trace.json shows; 0: none
  bool log_histograms = false;     ///< of the weights, to TensorBoard with each evaluation
  bool overfit_one_batch = false;  ///< train on the first batch alone: a check that the network can learn

  /// What ends a run before its last epoch, at which the learning rate still aims. It can go on from there.
  int64_t max_steps = 0;   ///< steps of the run, over all resumes; 0: off
  double stop_at = 0;      ///< score of an evaluation (top-1 or recall\@1) that is enough; 0: off
  int64_t patience = 0;    ///< evaluations in a row without a better score; 0: off
  double max_minutes = 0;  ///< since this program began to train; 0: off
  CheckpointInterval checkpoint_every;

  /// Of several processes (Communicator), which each take `batch_size` images a forward pass.
  bool sync_bn = false;         ///< batch norm over the images of all of them
  int64_t compare_every = 500;  ///< steps between comparisons of their weights; 0: never
  /// Images a step that `schedule.base` and `schedule.end` are meant for: both are scaled to the images that a step
  /// has, `batch_size` · `accumulate` · processes. 0: they are taken as they are
  int64_t scale_lr = 0;

  torch::Device device = torch::kCPU;
  Precision precision = Precision::kF32;  ///< kF16 with a scaled loss: see LossScaler
  /// Steps do not wait for the device, which draws DropBlock's masks itself: loss and other figures are read every
  /// `log_every` steps and at the end of each epoch, and until then are those that were read last. Nothing: on CUDA,
  /// unless `skip_non_finite` judges every step.
  std::optional<bool> asynchronous;

  /// Whether the network sees three views of every image.
  bool compares_views() const { return augmentation.aug_mix.severity > 0 && jensen_shannon > 0; }
  /// Whether the network sees mixed images.
  bool mixes_images() const { return mixup != MixupType::kOff || cutmix_alpha > 0; }
  bool is_asynchronous() const { return skip_non_finite == 0 && asynchronous.value_or(device.is_cuda()); }
  /// @throws UsageError for values that do not fit
  void check() const;
};

}  // namespace assemble
