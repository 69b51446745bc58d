// SPDX-License-Identifier: Apache-2.0
// What a training run does before its first step.
#include <algorithm>

#include "assemble/convert/warm_start.h"
#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/eval/augmentation_overlap.h"
#include "assemble/models/model_file.h"
#include "assemble/train/batch_memory.h"
#include "assemble/train/lamb.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

LoaderOptions loader_options(const TrainOptions& options, const Communicator& ranks, bool training) {
  LoaderOptions loader;
  loader.rank = ranks.rank();
  loader.world = ranks.world();
  loader.mirrored = training && ranks.is_shared() && options.mixes_images();
  loader.training = training;
  loader.batch_size =
      training ? options.batch_size * (options.mixup == MixupType::kHalves ? 2 : 1) : options.eval_batch_size;
  loader.threads = options.loader_threads;
  loader.prefetch = options.prefetch;
  if (training) {
    loader.decoding = options.decoding;
    loader.windows = options.crop_on_device;
    loader.repeats = options.aug_repeats;
    loader.balanced = options.balance == ClassBalance::kSampling;
  }
  loader.teacher_logits = training && options.kd_temperature > 0 && options.teacher.empty();
  loader.max_broken = options.max_broken;
  loader.memory = batch_memory(options.device);
  loader.seed = options.seed;
  loader.preprocessing = options.preprocessing;
  loader.augmentation = options.augmentation;
  loader.augmentation.aug_mix.views = options.compares_views() ? 3 : 1;
  if (training && options.augmentation.pix_mix.rounds > 0) {
    loader.augmentation.draw_pictures(std::max(options.preprocessing.train_size, options.small_size), options.seed);
  }
  return loader;
}

/// Batch norm needs the variance of a channel's values. One image gives a single value where maps are 1×1: in selective
/// kernels and embeddings, and in the last stage of small images.
bool can_train_on_one_image(const Arch& arch, int side) {
  const torch::NoGradGuard no_grad;
  const Classifier trial = make_classifier(arch, {.classes = 2, .image_size = side});
  try {
    trial->forward(torch::zeros({1, 3, side, side}));
    return true;
  } catch (const c10::Error&) {
    return false;
  }
}

std::unique_ptr<Optimizer> make_optimizer(const std::vector<TrainedParameter>& parameters,
                                          const TrainOptions& options) {
  const double decay = options.optimizer.weight_decay;
  if (options.optimizer_type == OptimizerType::kAdamW) return std::make_unique<AdamW>(parameters, decay, options.adam);
  if (options.optimizer_type == OptimizerType::kLamb) return std::make_unique<Lamb>(parameters, decay, options.adam);
  return std::make_unique<MomentumSgd>(parameters, options.optimizer);
}

void require_same_classes(const std::string& pretrained, const ModelCard& card) {
  if (!is_model_file(pretrained)) {
    throw UsageError("`pretrained_classifier`", concat(pretrained, " does not name its classes"),
                     "make a model file of it with 'assemble convert'");
  }
  if (read_model_card(fs::path(pretrained)).class_names == card.class_names) return;
  throw UsageError("`pretrained_classifier`", concat(pretrained, " has other classes than the data set"),
                   "leave it out: the classifier then starts afresh");
}

bool has_stochastic_depth(const ClassifierImpl& model) {
  const auto modules = model.modules();
  return std::any_of(modules.begin(), modules.end(),
                     [](const auto& module) { return module->template as<nn::StochasticDepthImpl>() != nullptr; });
}

void warn_of_mixing(const TrainOptions& options) {
  const bool switches = options.cutmix_alpha > 0 && options.mixup != MixupType::kOff;
  if (!switches && options.cutmix_share != TrainOptions{}.cutmix_share) {
    log_warning("`cutmix_share` has no effect unless both `mixup` and `cutmix_alpha` are on");
  }
  if (!switches) return;
  if (options.cutmix_share == 0) log_warning("`cutmix_alpha` has no effect with `cutmix_share` 0: mixup mixes all");
  if (options.cutmix_share == 1) log_warning("`mixup_alpha` has no effect with `cutmix_share` 1: CutMix mixes all");
}

void warn_of_augmentation(const TrainOptions& options) {
  const Augmentation& augmentation = options.augmentation;
  const SampleBoxOptions usual_box = options.preprocessing.training_box(), &box = augmentation.box;
  if (augmentation.evaluation_crop &&
      (augmentation.object_boxes || box.min_area != usual_box.min_area || box.max_area != usual_box.max_area)) {
    log_warning("`object_boxes`, `min_area` and `max_area` have no effect with `augmentation.evaluation_crop`");
  }
  if (options.aug_repeats > 1 && !augmentation.is_random(options.preprocessing.family)) {
    log_warning("`aug_repeats` has no effect but fewer images: nothing of the augmentation is random");
  }
  const PixMix usual, &pix_mix = options.augmentation.pix_mix;
  if (pix_mix.rounds == 0 && (pix_mix.severity != usual.severity || pix_mix.beta != usual.beta)) {
    log_warning(
        "`augmentation.pix_mix.severity` and `augmentation.pix_mix.beta` have no effect without "
        "`augmentation.pix_mix.rounds`");
  }
}

void warn_of_loss(const TrainOptions& options) {
  if (options.augmentation.aug_mix.severity == 0 && options.jensen_shannon != TrainOptions{}.jensen_shannon) {
    log_warning("`jensen_shannon` has no effect without `augmentation.aug_mix.severity`");
  }
  const bool is_sigmoid = options.loss == LossType::kSigmoid;
  const bool averages_classes = options.sigmoid.divisor == SigmoidDivisor::kClasses;
  if (is_sigmoid && !averages_classes && options.label_smoothing > 0) {
    log_warning("`label_smoothing` has no effect with the sigmoid loss, but with `sigmoid.divisor` classes");
  }
  if (!is_sigmoid && averages_classes) log_warning("`sigmoid.divisor` has no effect without the sigmoid loss");
  if (!(is_sigmoid && averages_classes) && options.sigmoid.target_threshold > 0) {
    log_warning("`sigmoid.target_threshold` has no effect but with the sigmoid loss and `sigmoid.divisor` classes");
  }
  if (options.loss == LossType::kArcFace && options.arcface_margin == 0) {
    log_warning("`arcface_margin` 0 has no effect: the loss is `loss` cosine");
  }
}

void warn_of_optimizer(const TrainOptions& options) {
  const AdamOptions usual, &adam = options.adam;
  if (options.optimizer_type == OptimizerType::kSgd) {
    if (adam.beta1 == usual.beta1 && adam.beta2 == usual.beta2 && adam.epsilon == usual.epsilon) return;
    log_warning("`adam.beta1`, `adam.beta2` and `adam.epsilon` have no effect with `optimizer.type` sgd");
    return;
  }
  if (options.optimizer.nesterov) log_warning("`optimizer.nesterov` has no effect without `optimizer.type` sgd");
  if (options.optimizer.momentum != MomentumSgdOptions{}.momentum) {
    log_warning("`optimizer.momentum` has no effect without `optimizer.type` sgd: see `adam.beta1`");
  }
}

}  // namespace

Trainer::Trainer(const Dataset& train, const Dataset& validation, const TrainOptions& options,
                 std::vector<TrainObserver*> observers, std::shared_ptr<Communicator> ranks)
    : train_(train),
      options_(options),
      observers_(std::move(observers)),
      ranks_(std::move(ranks)),
      upload_(options.device) {
  options_.check();
  arch_ = Arch::parse(options_.arch);
  card_.arch = arch_.str();
  card_.class_names = train.class_names();
  card_.preprocessing = options_.preprocessing;
  card_.loss = options_.loss;
  check_data();
  check_labels(validation);
  const int64_t step_images = options_.batch_size * options_.accumulate * ranks_->world();
  steps_per_epoch_ = std::max<int64_t>(train.size() / step_images, 1);
  total_steps_ = steps_per_epoch_ * options_.epochs;
  options_.schedule.steps_per_epoch = static_cast<double>(steps_per_epoch_);
  options_.schedule.train_epochs = static_cast<double>(options_.epochs);
  if (options_.scale_lr > 0) {
    const double factor = static_cast<double>(step_images) / static_cast<double>(options_.scale_lr);
    options_.schedule.base *= factor;
    options_.schedule.end *= factor;
    log_info(
        concat("`scale_lr`: the learning rate is ", options_.schedule.base, " for ", step_images, " images a step"));
  }
  options_.schedule.check();
  if (!options_.bn_momentum) {
    options_.bn_momentum = std::max(1 - 10 / static_cast<double>(steps_per_epoch_), 0.9);
    log_info(concat("`bn_momentum` is ", *options_.bn_momentum, ", of ", steps_per_epoch_, " steps an epoch"));
  }
  validator_ = std::make_unique<Validator>(validation, loader_options(options_, *ranks_, false), options_.validation);
  require_same_start();
  start();
}

/// What would otherwise end the run after its first epoch, or before its first step.
void Trainer::check_data() const {
  (void)to_metadata(card_);  // refuses names that no model file can hold
  const int64_t images = (options_.mixup == MixupType::kHalves ? 2 : 1) * ranks_->world();
  if (train_.size() < images * options_.batch_size) {
    throw UsageError(
        concat("`batch_size` ", options_.batch_size),
        concat("reads ", images * options_.batch_size, " images a pass", ranks_->is_shared() ? " of all processes" : "",
               ", ", train_.where(), " holds ", train_.size()),
        concat("set it to at most ", train_.size() / images));
  }
  const int64_t multiple = options_.mixup == MixupType::kHalves ? 2 : 4;
  if (ranks_->is_shared() && options_.mixes_images() && options_.batch_size % multiple != 0) {
    throw UsageError(concat("`batch_size` ", options_.batch_size),
                     concat("is no multiple of ", multiple,
                            ", so that images which are mixed would be those of different processes"));
  }
  const int side = options_.small_size > 0 ? std::min(options_.small_size, options_.preprocessing.train_size)
                                           : options_.preprocessing.train_size;
  if (options_.batch_size > 1 || can_train_on_one_image(arch_, side)) return;
  throw UsageError(
      "`batch_size` 1",
      concat("a batch norm of ", options_.arch, " would see a single value a channel, which has no variance"),
      "use a `batch_size` of at least 2");
}

/// What suits images of one class each does not suit those of several, and the other way round.
void Trainer::check_labels(const Dataset& validation) const {
  const bool several = train_.multi_label();
  if (several != validation.multi_label()) {
    throw UsageError(several ? validation.where() : train_.where(),
                     concat("its images have one class each, those of ", several ? train_.where() : validation.where(),
                            " any number"));
  }
  const bool measures_several = options_.validation.metric == ValidationMetric::kMap;
  if (measures_several && !several) {
    throw UsageError("`validation.metric` map",
                     concat("is of images with several classes, ", train_.where(), " has one an image"), "use top1");
  }
  if (!several) return;
  if (options_.loss != LossType::kSigmoid) {
    throw UsageError(
        "`loss`", concat(kLossTypes.name(options_.loss), " is of one class an image, ", train_.where(), " has several"),
        "use `loss` sigmoid, with `sigmoid.divisor` classes");
  }
  if (!measures_several) {
    throw UsageError(
        "`validation.metric`",
        concat(metric_name(options_.validation.metric), " is of one class an image, ", train_.where(), " has several"),
        "use map");
  }
  if (options_.balance != ClassBalance::kNone) {
    throw UsageError("`balance`", concat("goes by the one class of an image, ", train_.where(), " has several"),
                     "leave it out");
  }
  if (options_.kd_temperature > 0) {
    throw UsageError("`kd_temperature`",
                     concat("learns probabilities that add up to one, but any number of classes of ", train_.where(),
                            " may be right"),
                     "leave it out");
  }
}

/// Goes through the network without an image, with each size that it will see.
void Trainer::check_sides() {
  for (const int side : {options_.preprocessing.train_size, options_.preprocessing.eval_size, options_.small_size}) {
    if (side == 0) continue;
    try {
      model_->multiply_adds(side);
    } catch (const c10::Error& error) {
      throw UsageError(concat("image side ", side), concat("does not suit ", options_.arch, ": ", error.msg()),
                       "use a larger `preprocessing.train_size` and `preprocessing.eval_size`");
    }
  }
}

void Trainer::start() {
  model_ = make_classifier(arch_,
                           {.classes = card_.classes(),
                            .bn_momentum = *options_.bn_momentum,
                            .zero_gamma = options_.zero_gamma,
                            .sigmoid_loss = options_.loss == LossType::kSigmoid,
                            .cosine_scale = is_cosine(options_.loss) ? options_.cosine_scale : 0,
                            .drop_block = !options_.drop_block.empty(),
                            .drop_block_size = options_.drop_block_size,
                            .stochastic_depth = options_.stochastic_depth,
                            .image_size = options_.preprocessing.train_size},
                           options_.seed);
  check_sides();
  model_->to(options_.device);
  model_->drop_block_state().seed = options_.seed;
  model_->stochastic_depth_state().seed = options_.seed;
  if (options_.stochastic_depth > 0 && !has_stochastic_depth(*model_)) {
    throw UsageError("`stochastic_depth`", concat("the network ", arch_.base, " has no residual blocks to drop"),
                     "leave it out, or train a ResNet");
  }
  if (!options_.teacher.empty()) {
    teacher_ = std::make_unique<OnlineTeacher>(OnlineTeacherOptions{.model = options_.teacher,
                                                                    .engine = options_.teacher_engine,
                                                                    .precision = options_.teacher_precision,
                                                                    .device = options_.device,
                                                                    .batch = options_.batch_size},
                                               options_.preprocessing, card_.class_names, train_.where());
  }
  loader_ = std::make_unique<Loader>(train_, loader_options(options_, *ranks_, true));
  if (options_.balance == ClassBalance::kLoss) {
    log_priors_ = torch::tensor(log_priors(all_labels(train_), card_.classes())).to(options_.device);
  }
  model_->freeze(options_.freeze);
  optimizer_ = make_optimizer(parameters_to_train(), options_);
  if (options_.precision == Precision::kF16) optimizer_->scale_loss(options_.device);
  if (options_.is_asynchronous()) start_asynchronous();
  const bool resumes = ranks_->is_first() && !options_.resume.empty() && fs::exists(options_.resume);
  if (!options_.pretrained.empty() && !resumes && ranks_->is_first()) start_from_pretrained();
  if (options_.average_decay > 0) average_ = std::make_unique<WeightAverage>(*model_, options_.average_decay);
  if (resumes) {
    resume();
  } else if (!options_.resume.empty() && ranks_->is_first()) {
    log_warning(concat(options_.resume.string(), " is not there: starting from the beginning"));
  }
  share_start();
  note_augmentation(card_, options_.augmentation);
  state_.record = card_.training;
  state_.metric = metric_name(options_.validation.metric);
  state_.steps_per_epoch = steps_per_epoch_;
  state_.step_images = options_.batch_size * options_.accumulate * ranks_->world();
  state_.processes = ranks_->world();
  state_.seed = options_.seed;
  state_.class_names = card_.class_names;
  elapsed_before_ = state_.seconds;
  if (!state_.kept.empty()) best_ = state_.kept.front().score;
  warn_of_no_effect();
}

void Trainer::start_from_pretrained() {
  if (options_.pretrained_classifier) require_same_classes(options_.pretrained, card_);
  const WarmStart started =
      warm_start(*model_, options_.pretrained, options_.pretrained_averages, options_.pretrained_classifier);
  log_info(concat("starting from ", options_.pretrained, ": ", started.text()));
  card_.training["pretrained"] = fs::path(options_.pretrained).filename().string();
  if (!started.fresh.empty()) card_.training["new"] = join(started.fresh, ", ");
  state_.record = card_.training;
}

std::vector<TrainedParameter> Trainer::parameters_to_train() const {
  std::vector<TrainedParameter> parameters = trained_parameters(*model_);
  for (TrainedParameter& parameter : parameters) {
    if (!ClassifierImpl::is_head_parameter(parameter.name)) parameter.rate = options_.backbone_lr_factor;
  }
  return parameters;
}

void Trainer::resume() {
  const std::string where = options_.resume.string();
  const char* hint = "resume with the options and the data that the run began with";
  state_ = load_checkpoint(where, *model_, *optimizer_, average_.get());
  const std::string metric = metric_name(options_.validation.metric);
  if (state_.metric != metric) {
    throw UsageError("`validation.metric`",
                     concat("the run keeps its best models by ", state_.metric, ", not ", metric), hint);
  }
  // Checkpoints of earlier versions have neither.
  if (state_.steps_per_epoch > 0) {
    if (state_.processes != ranks_->world() && state_.steps_per_epoch != steps_per_epoch_) {
      adapt_to_processes();
    } else if (state_.steps_per_epoch != steps_per_epoch_) {
      throw UsageError("`resume`",
                       concat("the run had ", state_.steps_per_epoch, " steps an epoch, now it has ", steps_per_epoch_,
                              ": `batch_size`, `accumulate` or the data set has changed"),
                       hint);
    }
    if (state_.seed != options_.seed) {
      throw UsageError("`seed`", concat("the run began with ", state_.seed, ", not ", options_.seed), hint);
    }
    if (state_.class_names != card_.class_names) {
      throw InputError(train_.where(), concat("has other classes than the run in ", where), hint);
    }
  }
  if (state_.step > total_steps_) {
    throw UsageError(
        "`epochs`",
        concat(options_.epochs, " are fewer than the ", state_.step / steps_per_epoch_, " that the run has done"),
        "its models are in the run folder");
  }
  card_.training = state_.record;
  log_info(concat("resuming at step ", state_.step, " of ", total_steps_));
}

void Trainer::warn_of_no_effect() const {
  const std::vector<double>& keep = options_.drop_block;
  if (!keep.empty() && keep[0] == 1 && keep[1] == 1) log_warning("`drop_block` 1 1 has no effect");
  warn_of_mixing(options_);
  warn_of_augmentation(options_);
  warn_of_loss(options_);
  warn_of_optimizer(options_);
  if (options_.sam_rho == 0 && options_.sam_every > 1) log_warning("`sam_every` has no effect without `sam_rho`");
  if (options_.sam_rho > 0 && options_.sam_every > total_steps_) {
    log_warning(concat("`sam_rho` has no effect: the run has ", total_steps_, " steps, fewer than `sam_every`"));
  }
  if (options_.freeze == FreezeDepth::kBackbone && options_.backbone_lr_factor != 1) {
    log_warning("`backbone_lr_factor` has no effect on a frozen backbone");
  }
  if (arch_.blur_max) log_warning("aaN(max) has no effect, as in the original");
  if (options_.accumulate > 1 && options_.batch_size < 16) {
    log_warning("batch norm sees only `batch_size` images, whatever `accumulate` is");
  }
}

}  // namespace assemble
