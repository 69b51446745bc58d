// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/trainer.h"

#include <chrono>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/interrupt.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/eval/batch_memory.h"

namespace assemble {
namespace {

/// Adds the time until it is destroyed to a counter.
class Timed {
 public:
  explicit Timed(double& counter) : counter_(counter), start_(Clock::now()) {}
  ~Timed() { counter_ += seconds_since(start_); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& counter_;
  Clock::time_point start_;
};

LoaderOptions loader_options(const TrainOptions& options, bool training) {
  LoaderOptions loader;
  loader.training = training;
  loader.batch_size =
      training ? options.batch_size * (options.mixup == MixupType::kHalves ? 2 : 1) : options.eval_batch_size;
  loader.threads = options.loader_threads;
  loader.prefetch = options.prefetch;
  if (training) loader.decoding = options.decoding;
  loader.teacher_logits = training && options.kd_temperature > 0;
  loader.max_broken = options.max_broken;
  loader.memory = batch_memory(options.device);
  loader.seed = options.seed;
  loader.preprocessing = options.preprocessing;
  loader.augmentation = options.augmentation;
  return loader;
}

std::vector<std::pair<std::string, torch::Tensor>> trainable(const ClassifierImpl& model) {
  std::vector<std::pair<std::string, torch::Tensor>> parameters;
  for (const auto& item : model.named_parameters()) parameters.emplace_back(item.key(), item.value());
  return parameters;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string percent(double part, double whole) { return format_number(100 * share(part, whole), 0) + " %"; }

}  // namespace

void TrainOptions::check() const {
  const auto require = [](bool holds, const char* option, const std::string& expected) {
    if (!holds) throw UsageError(option, "is out of range", "expected " + expected);
  };
  const int multiple = Arch::parse(arch).size_multiple();
  for (const int side : {preprocessing.train_size, preprocessing.eval_size, small_size}) {
    if (side % multiple == 0) continue;
    throw UsageError(concat("--arch ", arch),
                     concat("needs image sides that are multiples of ", multiple, ", not ", side),
                     concat("the nearest are ", side / multiple * multiple, " and ", (side / multiple + 1) * multiple));
  }
  require(epochs >= 1, "--epochs", "at least 1");
  require(batch_size >= 1, "--batch-size", "at least 1");
  require(mixup != MixupType::kKeepBatch || batch_size % 2 == 0, "--batch-size", "an even number with --mixup 2");
  require(accumulate >= 1, "--accumulate", "at least 1");
  require(label_smoothing >= 0 && label_smoothing < 1, "--label-smoothing", "0 <= smoothing < 1");
  require(kd_temperature >= 0, "--kd-temperature", "0 or more");
  require(mixup_alpha > 0, "--mixup-alpha", "more than 0");
  require(drop_block.empty() || drop_block.size() == 2, "--drop-block", "two keep probabilities, first and last");
  for (const double keep : drop_block) require(keep > 0 && keep <= 1, "--drop-block", "0 < keep probability <= 1");
  require(drop_block_size >= 1, "--drop-block-size", "at least 1");
  require(bn_momentum >= 0 && bn_momentum < 1, "--bn-momentum", "0 <= momentum < 1");
  require(average_decay >= 0 && average_decay < 1, "--ema", "0 <= decay < 1");
  require(clip_gradients >= 0, "--clip-gradients", "0 or more");
  require(small_size >= 0, "--small-size", "0 or more");
  require(small_share >= 0 && small_share <= 1, "--small-share", "0 <= share <= 1");
  require(eval_every >= 1, "--eval-every", "at least 1");
  require(eval_batch_size >= 1, "--eval-batch-size", "at least 1");
  require(log_every >= 1, "--log-every", "at least 1");
  require(optimizer.momentum >= 0 && optimizer.momentum < 1, "--momentum", "0 <= momentum < 1");
  require(optimizer.weight_decay >= 0, "--weight-decay", "0 or more");
}

Trainer::Trainer(const Dataset& train, const Dataset& validation, const TrainOptions& options, RunFolder& folder)
    : train_(train), options_(options), folder_(folder) {
  options_.check();
  card_.arch = Arch::parse(options_.arch);
  card_.class_names = train.class_names();
  card_.preprocessing = options_.preprocessing;
  card_.loss = options_.loss == LossType::kSigmoid ? "sigmoid" : "softmax";
  const int64_t step_images = options_.batch_size * options_.accumulate;
  steps_per_epoch_ = std::max<int64_t>(train.size() / step_images, 1);
  total_steps_ = steps_per_epoch_ * options_.epochs;
  options_.schedule.steps_per_epoch = static_cast<double>(steps_per_epoch_);
  options_.schedule.train_epochs = static_cast<double>(options_.epochs);
  options_.schedule.check();
  validator_ = std::make_unique<Validator>(validation, loader_options(options_, false), options_.validation);
  start();
}

void Trainer::start() {
  const bool drops = !options_.drop_block.empty();
  model_ = make_classifier(card_.arch,
                           {card_.classes(), options_.bn_momentum, options_.zero_gamma,
                            options_.loss == LossType::kSigmoid, drops, options_.drop_block_size},
                           options_.seed);
  model_->to(options_.device);
  model_->drop_block_state().seed = options_.seed;
  loader_ = std::make_unique<Loader>(train_, loader_options(options_, true));
  optimizer_ = std::make_unique<MomentumSgd>(trainable(*model_), options_.optimizer);
  const std::string metric = metric_name(options_.validation.metric);
  const bool resumes = options_.resume && fs::exists(folder_.checkpoint());
  if (!options_.pretrained.empty() && !resumes) {
    const std::vector<std::string> fresh = load_backbone(options_.pretrained, *model_);
    log_info(concat("starting from ", options_.pretrained, "; new: ", join(fresh, ", ")));
  }
  if (options_.average_decay > 0) average_ = std::make_unique<WeightAverage>(*model_, options_.average_decay);
  if (resumes) {
    state_ = load_checkpoint(folder_.checkpoint(), *model_, *optimizer_, average_.get());
    if (state_.metric != metric) {
      throw UsageError("--validation-metric",
                       concat("the run keeps its best models by ", state_.metric, ", not ", metric),
                       "resume with the options the run began with");
    }
    folder_.rewind(state_.step);
    log_info(concat("resuming at step ", state_.step, " of ", total_steps_));
  } else if (options_.resume) {
    log_warning(concat(folder_.checkpoint().string(), " is not there: starting from the beginning"));
  }
  state_.metric = metric;
  elapsed_before_ = state_.seconds;
  keeper_ = std::make_unique<BestKeeper>(folder_.path(), options_.keep_best, options_.keep_every_evaluation,
                                         state_.kept, metric);
  warn_of_no_effect();
}

void Trainer::warn_of_no_effect() const {
  const std::vector<double>& keep = options_.drop_block;
  if (!keep.empty() && keep[0] == 1 && keep[1] == 1) log_warning("--drop-block 1 1 has no effect");
  if (options_.loss == LossType::kSigmoid && options_.label_smoothing > 0) {
    log_warning("--label-smoothing has no effect with the sigmoid loss");
  }
  if (card_.arch.blur_max) log_warning("aaN(max) has no effect, as in the original");
  if (options_.accumulate > 1 && options_.batch_size < 16) {
    log_warning("batch norm sees only --batch-size images, whatever --accumulate is");
  }
}

int64_t Trainer::small_steps() const {
  return options_.small_size == 0 ? 0 : std::llround(options_.small_share * static_cast<double>(total_steps_));
}

/// Goes to the step's place; which samples are known to be broken stays.
void Trainer::start_loader(LoaderState from) {
  from.train_size = state_.step < small_steps() ? options_.small_size : options_.preprocessing.train_size;
  const int64_t position = options_.overfit_one_batch ? 0 : state_.step * options_.accumulate;
  from.epoch = data_epoch_ = position / loader_->batches();
  from.next_batch = position % loader_->batches();
  loader_->restore(from);
}

void Trainer::next_batch(Batch& batch) {
  if (options_.overfit_one_batch && batch.size > 0) return;
  if (loader_->next(batch)) return;
  loader_->start(++data_epoch_);
  if (!loader_->next(batch)) throw RunError(train_.where(), "gave no batch");
}

LabelledBatch Trainer::labelled_batch(int64_t index) {
  {
    const Timed timed(times_.data);
    next_batch(batch_);
  }
  const torch::Tensor labels = torch::from_blob(batch_.labels.data(), {batch_.size}, torch::kLong);
  LabelledBatch labelled{
      image_tensor(batch_, options_.device), one_hot_labels(labels.to(options_.device), card_.classes()), {}};
  if (options_.kd_temperature > 0) {
    const torch::Tensor logits = torch::from_blob(batch_.logits.data(), {batch_.size, card_.classes()});
    labelled.teacher_labels = torch::softmax(logits.to(options_.device) / options_.kd_temperature, 1);
  }
  if (options_.mixup == MixupType::kOff) return labelled;
  Random random(options_.seed, RandomPurpose::kMixup, 0, static_cast<uint64_t>(index));
  return mix(labelled, options_.mixup, draw_lambdas(options_.mixup, batch_.size, options_.mixup_alpha, random));
}

double Trainer::micro_step(int64_t index) {
  const LabelledBatch batch = labelled_batch(index);
  torch::Tensor loss;
  {
    const Timed timed(times_.forward);
    torch::Tensor logits;
    {
      const AutocastGuard autocast(options_.device, options_.precision);
      logits = model_->forward(batch.images);
    }
    loss = classification_loss(options_.loss, logits, batch.labels, options_.label_smoothing);
    if (options_.kd_temperature > 0) {
      loss = loss + distillation_loss(logits, batch.teacher_labels, options_.kd_temperature);
    }
  }
  {
    const Timed timed(times_.backward);
    (loss / static_cast<double>(options_.accumulate)).backward();
  }
  times_.images += batch_.size;
  return loss.item<double>();
}

double Trainer::train_step() {
  if (!options_.drop_block.empty()) {
    DropBlockState& drop_block = model_->drop_block_state();
    drop_block.keep_probability =
        keep_probability(options_.drop_block[0], options_.drop_block[1], total_steps_, state_.step);
    drop_block.step = static_cast<uint32_t>(state_.step);
  }
  double loss = 0;
  for (int64_t a = 0; a < options_.accumulate; ++a) loss += micro_step(state_.step * options_.accumulate + a);
  loss /= static_cast<double>(options_.accumulate);
  if (!std::isfinite(loss)) {
    throw RunError(concat("step ", state_.step), concat("the loss is ", loss),
                   "lower --lr, warm up for longer, clip gradients, or check the labels");
  }
  const Timed timed(times_.optimizer);
  if (options_.clip_gradients > 0) optimizer_->clip_gradients(options_.clip_gradients);
  optimizer_->step(options_.schedule.at(state_.step));
  if (average_) average_->update();
  ++state_.step;
  return loss;
}

void Trainer::log_step(double loss) {
  folder_.add_metrics("train", state_.step,
                      {{"loss", loss},
                       {"l2", optimizer_->regularization()},
                       {"learning_rate", options_.schedule.at(state_.step - 1)},
                       {"drop_block_keep", model_->drop_block_state().keep_probability},
                       {"images_per_second", share(static_cast<double>(times_.images), times_.total())},
                       {"data_wait_share", share(times_.data, times_.total())},
                       {"epoch", static_cast<double>(state_.step) / static_cast<double>(steps_per_epoch_)}});
}

bool Trainer::is_evaluated(int64_t epoch) const {
  return epoch == options_.epochs || epoch % options_.eval_every == 0 ||
         static_cast<double>(epoch) > options_.fine_eval_ratio * static_cast<double>(options_.epochs);
}

ValidationResult Trainer::validate_averaged() {
  if (average_) average_->swap();
  ValidationResult result = validator_->run(*model_, options_.device, options_.precision);
  if (average_) average_->swap();
  return result;
}

void Trainer::finish_epoch(int64_t epoch) {
  if (!is_evaluated(epoch)) return;
  last_ = validate_averaged();
  const double rate = share(static_cast<double>(epoch_times_.images), epoch_times_.total());
  const double loss = share(epoch_loss_, static_cast<double>(epoch_steps_));
  state_.seconds = elapsed_before_ + seconds_since(began_);
  const std::vector<std::pair<std::string, double>> metrics = last_.metrics();
  const std::string metric = metric_name(options_.validation.metric);
  folder_.add_metrics("validation", state_.step, metrics);
  folder_.add_summary({epoch, state_.step, options_.schedule.at(state_.step - 1), loss, metrics, rate,
                       share(epoch_times_.data, epoch_times_.total()), state_.seconds, peak_memory_mib()});
  log_info(concat("epoch ", epoch, "/", options_.epochs, "  loss ", format_number(loss, 3), "  ", metric, " ",
                  format_number(100 * last_.score(), 2), " %  ", format_number(rate, 1), " images/s  data ",
                  percent(epoch_times_.data, epoch_times_.total()), "  forward ",
                  percent(epoch_times_.forward, epoch_times_.total()), "  backward ",
                  percent(epoch_times_.backward, epoch_times_.total()), "  optimizer ",
                  percent(epoch_times_.optimizer, epoch_times_.total())));
  card_.training["epoch"] = std::to_string(epoch);
  card_.training[metric] = format_number(last_.score(), 6);
  note_initial_statistics(card_, initial_share());
  if (average_) average_->swap();
  keeper_->offer(*model_, card_, epoch, last_.score());
  if (average_) average_->swap();
  epoch_times_ = {};
  epoch_loss_ = 0;
  epoch_steps_ = 0;
}

/// What the initial values of batch norms still weigh in the running statistics that are saved.
double Trainer::initial_share() const {
  if (!options_.pretrained.empty()) return 0;
  const double kept = std::pow(options_.bn_momentum, static_cast<double>(options_.accumulate));
  double share = 1, average = 1;
  for (int64_t step = 1; step <= state_.step; ++step) {
    share *= kept;
    if (average_) average += (share - average) * (1 - average_->decay(step));
  }
  return average_ ? average : share;
}

void Trainer::save(bool with_model) {
  state_.seconds = elapsed_before_ + seconds_since(began_);
  state_.kept = keeper_->kept();
  state_.loader = loader_->state();
  save_checkpoint(folder_.checkpoint(), *model_, *optimizer_, average_.get(), state_);
  if (!with_model) return;
  note_initial_statistics(card_, initial_share());
  if (average_) average_->swap();
  save_model(folder_.last(), *model_, card_);
  if (average_) average_->swap();
}

TrainResult Trainer::run() {
  const InterruptGuard interrupt;
  began_ = Clock::now();
  start_loader(state_.loader);
  model_->train();
  Progress progress(concat("training ", options_.arch), total_steps_, "steps");
  progress.advance(state_.step);
  while (state_.step < total_steps_ && !interrupt.requested()) {
    if (state_.step > 0 && state_.step == small_steps()) start_loader(loader_->state());
    const StepTimes before = times_;
    const double loss = train_step();
    epoch_times_.data += times_.data - before.data;
    epoch_times_.forward += times_.forward - before.forward;
    epoch_times_.backward += times_.backward - before.backward;
    epoch_times_.optimizer += times_.optimizer - before.optimizer;
    epoch_times_.images += times_.images - before.images;
    epoch_loss_ += loss;
    ++epoch_steps_;
    if (state_.step % options_.log_every == 0) log_step(loss);
    progress.advance(1, concat("loss ", format_number(loss, 3), "  ",
                               format_number(share(static_cast<double>(times_.images), times_.total()), 1),
                               " images/s  data wait ", percent(times_.data, times_.total())));
    if (state_.step % steps_per_epoch_ != 0) continue;
    finish_epoch(state_.step / steps_per_epoch_);
    if (state_.step < total_steps_) save(/*with_model=*/false);
  }
  progress.finish();
  save(/*with_model=*/true);
  TrainResult result;
  result.interrupted = state_.step < total_steps_;
  if (result.interrupted) log_warning(concat("stopped at step ", state_.step, "; --resume goes on from there"));
  result.last = last_;
  result.metric = state_.metric;
  result.best = keeper_->kept().empty() ? 0 : keeper_->kept().front().score;
  result.steps = state_.step;
  result.seconds = state_.seconds;
  result.images_per_second = share(static_cast<double>(times_.images), times_.total());
  result.data_wait_share = share(times_.data, times_.total());
  result.peak_memory_mib = peak_memory_mib();
  return result;
}

}  // namespace assemble
