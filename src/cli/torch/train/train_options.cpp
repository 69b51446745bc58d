// SPDX-License-Identifier: Apache-2.0
#include "torch/train/train_options.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/cuda_runtime.h"
#include "common/choice_option.h"
#include "common/inference.h"
#include "common/numbers.h"

namespace assemble::cli {

void TrainFlags::declare(CLI::App& app) {
  declare_network(app);
  declare_recipe(app);
  declare_schedule(app);
  declare_data(app);
  declare_run(app);
  declare_end(app);
  declare_together(app);
}

void TrainFlags::declare_network(CLI::App& app) {
  TrainOptions& o = options_;
  app.add_option("--arch", o.arch, "Network: a preset or base+tweak+tweak… (see `assemble model list`)")
      ->group("Network");
  app.add_option("--pretrained", o.pretrained,
                 "Weights to start from, all but the classifier's: model file, TensorFlow checkpoint, .pth or "
                 ".safetensors; pooling, embedding, filters (aa), last stride and classes may differ")
      ->group("Network");
  app.add_flag("--pretrained-classifier", o.pretrained_classifier,
               "Of --pretrained the classifier, too: of a model file with the same classes")
      ->group("Network");
  app.add_flag("--pretrained-ema", o.pretrained_averages, "Of --pretrained the averaged weights")->group("Network");
  add_choice(app, "--freeze", o.freeze, kFreezeDepths,
             "What stays as it is; backbone: all but embedding and classifier")
      ->group("Network");
  app.add_option("--backbone-lr-factor", o.backbone_lr_factor,
                 "Factor of the learning rate for all but embedding and classifier")
      ->transform(positive())
      ->group("Network");
  app.add_flag("--zero-gamma", o.zero_gamma, "Start the last batch norm of every block at 0")->group("Network");
  app.add_option("--bn-momentum", bn_momentum_,
                 "Batch norm: running = m · running + (1 - m) · batch; auto: max(1 - 10/s, 0.9) of s steps an epoch")
      ->transform(or_word("auto", share()))
      ->group("Network");
  app.add_option("--drop-block", o.drop_block, "DropBlock: keep probability at the first and at the last step")
      ->transform(share())
      ->expected(2)
      ->default_str("")
      ->group("Network");
  app.add_option("--stochastic-depth", o.stochastic_depth,
                 "Probability that the last residual block is dropped, rising to it from 0 at the first; 0 is off")
      ->transform(share())
      ->group("Network");
  app.add_option("--drop-block-size", o.drop_block_size, "Side of a dropped block")
      ->transform(at_least(1))
      ->group("Network");
}

void TrainFlags::declare_recipe(CLI::App& app) {
  TrainOptions& o = options_;
  const char* group = "Recipe";
  app.add_option("--epochs", o.epochs, "Epochs")->transform(at_least(1))->group(group);
  app.add_option("--batch-size", o.batch_size, "Images a forward pass (mixup 1 reads twice as many)")
      ->transform(at_least(1))
      ->group(group);
  app.add_option("--accumulate", o.accumulate, "Forward passes a step")->transform(at_least(1))->group(group);
  add_choice(app, "--loss", o.loss, kLossTypes,
             "softmax: one class is right; sigmoid: yes or no of each class; cosine, arcface: one class is right, and "
             "directions of embeddings are compared, for retrieval")
      ->group(group);
  add_choice(app, "--sigmoid-divisor", o.sigmoid.divisor, kSigmoidDivisors,
             "What the sum of binary cross-entropies is divided by (--loss sigmoid): labels, as the original; classes: "
             "the mean over images and classes, with smoothing, as timm")
      ->group(group);
  app.add_option("--target-threshold", o.sigmoid.target_threshold,
                 "Targets above it become 1, others 0 (--sigmoid-divisor classes); 0 is off")
      ->transform(share())
      ->group(group);
  app.add_option("--jensen-shannon", o.jensen_shannon,
                 "Weight of the Jensen-Shannon loss over three views of each image (--aug-mix); 0: one view")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--cosine-scale", o.cosine_scale, "s of logits s · cos θ (--loss cosine, arcface)")
      ->transform(positive())
      ->group(group);
  app.add_option("--arcface-margin", o.arcface_margin, "m of cos(θ + m), radians (--loss arcface)")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--label-smoothing", o.label_smoothing, "Share of the label spread over all classes")
      ->transform(share())
      ->group(group);
  app.add_option("--mixup", mixup_,
                 "0 off, 1 halves of a double batch, 2 keeps the batch, 3 the batch with itself reversed")
      ->transform(whole(0, 3))
      ->group(group);
  app.add_option("--mixup-alpha", o.mixup_alpha, "α of mixup's Beta(α, α)")->transform(positive())->group(group);
  app.add_option("--cutmix-alpha", o.cutmix_alpha, "α of CutMix's Beta(α, α), usually 1; 0 is off")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--cutmix-share", o.cutmix_share,
                 "Share of the passes that CutMix takes from mixup, where both are on")
      ->transform(share())
      ->group(group);
  app.add_option("--kd-temperature", o.kd_temperature, "Distillation from a teacher's logits; 0 is off")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--teacher", o.teacher,
                 "Model that looks at the very images of training; empty: its logits are stored with the data")
      ->group(group);
  add_choice(app, "--teacher-engine", o.teacher_engine, "auto", kEngineKinds,
             "What computes it; auto: torch for a model file on a GPU, else openvino")
      ->group(group);
  add_choice(app, "--teacher-precision", o.teacher_precision, kAutocastPrecisions, "Of its computation")->group(group);
  app.add_option("--weight-decay", o.optimizer.weight_decay, "λ of λ · ½‖w‖² over all but batch norm")
      ->transform(not_negative())
      ->group(group);
  add_choice(app, "--optimizer", o.optimizer_type, kOptimizerTypes,
             "sgd: with momentum; adamw, lamb: decay is no part of the gradient")
      ->group(group);
  app.add_option("--beta1", o.adam.beta1, "Decay of the mean of gradients (adamw, lamb)")
      ->transform(share())
      ->group(group);
  app.add_option("--beta2", o.adam.beta2, "Decay of the mean of their squares (adamw, lamb)")
      ->transform(share())
      ->group(group);
  app.add_option("--epsilon", o.adam.epsilon, "ε of adamw and lamb")->transform(positive())->group(group);
  app.add_option("--momentum", o.optimizer.momentum, "Momentum of SGD")->transform(share())->group(group);
  app.add_flag("--nesterov", o.optimizer.nesterov, "Nesterov momentum")->group(group);
  app.add_option("--sam-rho", o.sam_rho, "Distance of sharpness-aware minimisation, usually 0.05; 0 is off")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--sam-every", o.sam_every, "Steps, the last of which is sharpness-aware, with --sam-rho")
      ->transform(at_least(1))
      ->group(group);
  app.add_option("--clip-gradients", o.clip_gradients, "Largest norm of the gradient; 0 is off")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--skip-non-finite", o.skip_non_finite,
                 "Steps whose loss or gradient is not finite that are left out; one more ends the run")
      ->transform(at_least(0))
      ->group(group);
  app.add_option("--ema", o.average_decay, "Decay of the weights' moving average; 0 is off")
      ->transform(share())
      ->group(group);
}

void TrainFlags::declare_schedule(CLI::App& app) {
  LearningRateSchedule& s = options_.schedule;
  const char* group = "Learning rate";
  app.add_option("--lr", s.base, "Learning rate after the warm-up")->transform(positive())->group(group);
  add_choice(app, "--lr-schedule", s.type, kDecayTypes, "How the learning rate falls")->group(group);
  app.add_option("--warmup-epochs", s.warmup_epochs, "Epochs of linear warm-up")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--epochs-per-decay", s.epochs_per_decay, "Epochs a decay (exponential, polynomial)")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--lr-decay-factor", s.decay_factor, "Factor a decay (exponential)")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--lr-end", s.end, "Last learning rate (polynomial)")->transform(not_negative())->group(group);
  app.add_option("--lr-boundaries", s.boundary_epochs, "Epochs at which the rate changes (piecewise; 30 60 80 90)")
      ->transform(not_negative())
      ->default_str("")
      ->group(group);
  app.add_option("--lr-rates", s.rates, "Factors between the boundaries (piecewise; 1 0.1 0.01 0.001 0.0001)")
      ->transform(not_negative())
      ->default_str("")
      ->group(group);
}

void TrainFlags::declare_data(CLI::App& app) {
  TrainOptions& o = options_;
  const char* group = "Data";
  app.add_option("--preprocessing", preprocessing_,
                 "Type: imagenet, imagenet_NNN, imagenet_TTT_EEE, each also with 'a'; reid, reid_NNN; inception_NNN; "
                 "torchvision, torchvision_NNN, torchvision_NNN_RRR, each also with '_bicubic'")
      ->group(group);
  app.add_option("--train-size", train_size_, "Side of training crops; 0: the type's")
      ->transform(side(0))
      ->group(group);
  app.add_option("--eval-size", eval_size_, "Side of evaluation crops; 0: the type's")
      ->transform(side(0))
      ->group(group);
  app.add_option("--eval-resize", eval_resize_, "Short side before the evaluation crop; 0: the type's")
      ->transform(side(0))
      ->group(group);
  app.add_option("--mean", mean_, "Subtracted from R, G and B in [0, 255]")
      ->transform(real(-1e6, 1e6))
      ->expected(3)
      ->default_str("")
      ->group(group);
  app.add_option("--deviation", deviation_, "Divides R, G and B after that")
      ->transform(real(1e-6, 1e6))
      ->expected(3)
      ->default_str("")
      ->group(group);
  add_choice(app, "--exif", exif_, kExifRules,
             "EXIF orientation of images: pixels as stored, as the original has it, or turned by it, as phones' photos "
             "want it; the model file says which")
      ->group(group);
  app.add_flag("--antialias", antialias_, "Resize with antialiasing instead of the original's plain bilinear")
      ->group(group);
  app.add_flag("--pad-to-square", pad_to_square_, "Black borders make the image square first (reid types)")
      ->group(group);
  app.add_option("--small-size", o.small_size, "Side of training crops in the run's first part; 0 is off")
      ->transform(side(0))
      ->group(group);
  app.add_option("--small-share", o.small_share, "Share of the steps at --small-size")
      ->transform(share())
      ->group(group);
  app.add_option("--min-area", min_area_, "Smallest share of the image a crop takes; 0: the type's")
      ->transform(share())
      ->group(group);
  app.add_option("--max-area", o.augmentation.box.max_area, "Largest share")->transform(share())->group(group);
  app.add_flag("--object-boxes", o.augmentation.object_boxes,
               "Crops cover a tenth of an object's box where records hold boxes, instead of a tenth of the image; the "
               "original trained without")
      ->group(group);
  app.add_flag("--evaluation-crop", o.augmentation.evaluation_crop,
               "Crops are those of evaluation in the place of random ones, for fine-tuning at the test resolution")
      ->group(group);
  app.add_option("--flip", o.augmentation.flip_probability, "Probability of mirroring")
      ->transform(share())
      ->group(group);
  add_choice(app, "--balance", o.balance, kClassBalances,
             "Makes up for classes with few images: loss adds the logarithm of each class' share to its logit while "
             "training, sampling shows every class as often as any other")
      ->group(group);
  app.add_option("--aug-repeats", o.aug_repeats,
                 "Repeated augmentation: so many images of a batch are one image, each augmented by itself; 1 is off")
      ->transform(at_least(1))
      ->group(group);
  app.add_option("--auto-augment", auto_augment_,
                 "AutoAugment policy, TrivialAugment or RandAugment: " + Augmentation::operation_names() + "; or none")
      ->group(group);
  app.add_option("--aug-mix", o.augmentation.aug_mix.severity,
                 "AugMix: severity of its operations, 1 to 10 (3 published for small images, 1 for ImageNet); 0 is off")
      ->transform(whole(0, 10))
      ->group(group);
  app.add_option("--pix-mix", o.augmentation.pix_mix.rounds,
                 "PixMix: most times that an image is mixed with drawn fractals or changed copies (4 published); 0 is "
                 "off")
      ->transform(whole(0, 100))
      ->group(group);
  app.add_option("--pix-mix-severity", o.augmentation.pix_mix.severity,
                 "Severity of its operations (3 published for small images, 1 for ImageNet)")
      ->transform(whole(1, 10))
      ->group(group);
  app.add_option("--pix-mix-beta", o.augmentation.pix_mix.beta, "β of its weights: a larger one mixes less in")
      ->transform(positive())
      ->group(group);
  app.add_option("--random-erasing", o.augmentation.erasing.probability, "Probability of erasing a rectangle")
      ->transform(share())
      ->group(group);
  app.add_option("--color-jitter", o.augmentation.color_jitter, "Brightness, contrast, saturation in 1 ± x")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--loader-threads", o.loader_threads, "Threads that decode and augment; 0: every core")
      ->transform(thread_count())
      ->group(group);
  add_choice(app, "--decode", o.decoding, kDecodings,
             "exact (the original's pixels) or fast (fast integer DCT, plain chroma upsampling, large crops decoded "
             "at 1/2, 1/4 or 1/8 size); validation is always exact")
      ->group(group);
  app.add_flag("--crop-on-device", o.crop_on_device,
               "Resize and mirror training images where the network computes: the same pixels, less work for the cores "
               "that decode, and fewer bytes to send")
      ->group(group);
  app.add_option("--prefetch", o.prefetch, "Batches prepared ahead")->transform(at_least(0))->group(group);
  app.add_option("--max-broken", o.max_broken, "Unreadable images before the run gives up")
      ->transform(at_least(0))
      ->group(group);
}

void TrainFlags::declare_run(CLI::App& app) {
  TrainOptions& o = options_;
  const char* group = "Run";
  app.add_option("--seed", o.seed, "Seed of weights, order, augmentation, mixup and DropBlock")
      ->transform(seed())
      ->group(group);
  app.add_option("--device", device_, "What computes; auto: cuda where it can be used")
      ->check(device_name())
      ->group(group);
  add_choice(app, "--precision", o.precision, kAutocastPrecisions, "Of convolutions and dense layers; bf16: autocast")
      ->group(group);
  app.add_option("--threads", threads, "Threads of the network on the CPU; 0: every core")
      ->transform(thread_count())
      ->group(group);
  app.add_option("--eval-every", o.eval_every, "Epochs between evaluations")->transform(at_least(1))->group(group);
  app.add_option("--fine-eval-ratio", o.fine_eval_ratio, "After this share of the epochs, evaluate after each")
      ->transform(share())
      ->group(group);
  app.add_option("--eval-batch-size", o.eval_batch_size, "Images a batch while evaluating")
      ->transform(at_least(1))
      ->group(group);
  add_choice(app, "--validation-metric", o.validation.metric, kValidationMetrics,
             "What picks the best models; recall@1: retrieval, whose validation classes may differ from training's")
      ->group(group);
  add_choice(app, "--similarity", o.validation.similarity, kSimilarities, "Of embeddings, for recall@1")->group(group);
  app.add_option("--recall-at", o.validation.recall_at,
                 "Values of k beside 1 that are recorded, with --validation-metric recall@1")
      ->transform(at_least(1))
      ->group(group);
  app.add_option("--keep-best", o.keep_best, "Best models to keep")->transform(at_least(0))->group(group);
  app.add_flag("--keep-every-evaluation", o.keep_every_evaluation, "Keep every evaluated model too")->group(group);
  app.add_option("--log-every", o.log_every, "Steps between lines of metrics.jsonl")
      ->transform(at_least(1))
      ->group(group);
  app.add_option("--log-images", o.log_images, "Images of the batch for TensorBoard, with each evaluation")
      ->transform(at_least(0))
      ->group(group);
  app.add_flag("--log-histograms", o.log_histograms, "Histograms of the weights for TensorBoard, with each evaluation")
      ->group(group);
  app.add_option("--profile", o.profile, "Steps of which trace.json shows operators and loader threads; 0 is off")
      ->transform(at_least(0))
      ->group(group);
  app.add_flag("--overfit-one-batch", o.overfit_one_batch, "Train on the first batch alone: can the network learn?")
      ->group(group);
}

void TrainFlags::declare_end(CLI::App& app) {
  TrainOptions& o = options_;
  const char* group = "End of the run";
  app.add_option("--max-steps", o.max_steps, "Steps, over all resumes, after which it ends; 0 is off")
      ->transform(at_least(0))
      ->group(group);
  app.add_option("--stop-at", o.stop_at, "Ends after an evaluation with this score (top-1 or recall@1); 0 is off")
      ->transform(share())
      ->group(group);
  app.add_option("--patience", o.patience, "Ends after so many evaluations in a row without a better one; 0 is off")
      ->transform(at_least(0))
      ->group(group);
  app.add_option("--max-minutes", o.max_minutes, "Ends after the step in which they are over; 0 is off")
      ->transform(not_negative())
      ->group(group);
  app.add_option("--checkpoint-every", checkpoint_every_,
                 "Interval of checkpoints: 500 is steps, 0.25e epochs, 10m minutes")
      ->group(group);
  app.add_option("--keep-checkpoints", o.keep_checkpoints,
                 "Checkpoints that are kept; above 1 those before the last as checkpoint-STEP.safetensors")
      ->transform(whole(1, 1000))
      ->group(group);
}

void TrainFlags::declare_together(CLI::App& app) {
  TrainOptions& o = options_;
  const char* group = "Several processes";
  app.add_flag("--sync-bn", o.sync_bn, "Batch norm over the images of all processes instead of each one's own")
      ->group(group);
  app.add_option(
         "--scale-lr", o.scale_lr,
         "Images a step that --lr and --lr-end are for: they grow and fall with those that a step has; 0 is off")
      ->transform(at_least(0))
      ->group(group);
  app.add_option("--compare-every", o.compare_every, "Steps between comparisons of the processes' weights; 0 is off")
      ->transform(at_least(0))
      ->group(group);
}

Preprocessing TrainFlags::preprocessing() const {
  Preprocessing result = Preprocessing::from_type(preprocessing_);
  if (train_size_ > 0) result.train_size = train_size_;
  result = at_size(result, eval_size_);
  if (eval_resize_ > 0) result.eval_resize = eval_resize_;
  const std::string& type = preprocessing_;
  if (eval_resize_ > 0 && !result.resizes_short_side()) {
    throw UsageError("--eval-resize", "has no effect on preprocessing type " + type, "set --eval-size");
  }
  if (pad_to_square_ && result.family != PreprocessingFamily::kReid) {
    throw UsageError("--pad-to-square", "has no effect on preprocessing type " + type, "use it with reid types");
  }
  result.pad_to_square = pad_to_square_;
  if (result.eval_resize < result.eval_size) {
    throw UsageError("--eval-resize", concat(result.eval_resize, " is less than the crop of ", result.eval_size));
  }
  result.antialias |= antialias_;
  result.apply_exif_orientation = exif_ == ExifRule::kTurn;
  std::copy(mean_.begin(), mean_.end(), result.mean.begin());
  std::copy(deviation_.begin(), deviation_.end(), result.deviation.begin());
  return result;
}

Augmentation TrainFlags::augmentation(const Preprocessing& preprocessing) const {
  Augmentation result = options_.augmentation;
  const double max_area = result.box.max_area;
  result.box = preprocessing.training_box();
  result.box.max_area = max_area;
  if (min_area_ > 0) result.box.min_area = min_area_;
  if (result.object_boxes && !preprocessing.resizes_short_side()) {
    throw UsageError("--object-boxes", "has no effect on preprocessing type " + preprocessing_,
                     "use it with imagenet and torchvision types");
  }
  result.set_operations(auto_augment_);
  return result;
}

TrainOptions TrainFlags::options(const Ranks& place) const {
  TrainOptions options = options_;
  options.bn_momentum = parse_number(bn_momentum_);
  options.checkpoint_every = CheckpointInterval::parse(checkpoint_every_);
  options.mixup = static_cast<MixupType>(mixup_);
  options.preprocessing = preprocessing();
  options.augmentation = augmentation(options.preprocessing);
  options.device = parse_device(device_);
  if (options.device.is_cuda() && place.local_world > 1 && device_.find(':') == std::string::npos) {
    options.device.set_index(static_cast<c10::DeviceIndex>(place.local_rank % cuda_runtime()->devices()));
  }
  options.check();
  return options;
}

}  // namespace assemble::cli
