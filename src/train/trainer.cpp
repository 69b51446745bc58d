// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/trainer.h"

#include <chrono>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/models/tensor_file.h"

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

constexpr const char* kDivergedHint = "lower `schedule.base`, warm up for longer, clip gradients, or check the labels";

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string percent(double part, double whole) { return format_number(100 * share(part, whole), 0) + " %"; }

}  // namespace

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
    throw RunError(concat("step ", state_.step), concat("the loss is ", loss), kDivergedHint);
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
  const AveragedWeights averaged(average_.get());
  return validator_->run(*model_, options_.device, options_.precision);
}

/// The step that breaks the weights had a loss of the weights before it.
void Trainer::require_finite_weights() const {
  const std::string damaged = not_finite(model_->named_state());
  if (damaged.empty()) return;
  throw RunError(concat("step ", state_.step), "the training has diverged:" + damaged, kDivergedHint);
}

void Trainer::finish_epoch(int64_t epoch) {
  if (!is_evaluated(epoch)) return;
  last_ = validate_averaged();
  if (last_.classification && !std::isfinite(last_.classification->loss)) explain_outputs();
  const double rate = share(static_cast<double>(epoch_times_.images), epoch_times_.total());
  const double loss = share(state_.epoch_loss, static_cast<double>(state_.epoch_steps));
  state_.seconds = elapsed_before_ + seconds_since(began_);
  state_.measures = last_.metrics();
  const std::string metric = state_.metric;
  folder_.add_metrics("validation", state_.step, state_.measures);
  folder_.add_summary({epoch, state_.step, options_.schedule.at(state_.step - 1), loss, state_.measures, rate,
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
  state_.record = card_.training;
  {
    const AveragedWeights averaged(average_.get());
    keeper_->offer(*model_, card_, epoch, last_.score());
  }
  epoch_times_ = {};
  state_.epoch_loss = 0;
  state_.epoch_steps = 0;
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

/// The model first: a checkpoint of the last step says that the run is finished.
void Trainer::save(bool with_model) {
  if (with_model) {
    note_initial_statistics(card_, initial_share());
    const AveragedWeights averaged(average_.get());
    save_model(folder_.last(), *model_, card_);
  }
  state_.seconds = elapsed_before_ + seconds_since(began_);
  state_.kept = keeper_->kept();
  state_.loader = loader_->state();
  save_checkpoint(folder_.checkpoint(), *model_, *optimizer_, average_.get(), state_);
}

/// Validation met outputs that are not finite. With the statistics of a batch, a network that learns has finite ones:
/// it is the running statistics then that have not settled yet.
void Trainer::explain_outputs() {
  const torch::NoGradGuard no_grad;
  std::vector<std::pair<torch::Tensor, torch::Tensor>> before;
  for (const torch::Tensor& buffer : model_->buffers()) before.emplace_back(buffer, buffer.clone());
  const torch::Tensor logits = model_->forward(image_tensor(batch_, options_.device));
  for (auto& [buffer, value] : before) buffer.copy_(value);
  if (!logits.isfinite().all().item<bool>()) {
    throw RunError(concat("step ", state_.step), "the network's outputs are not finite", kDivergedHint);
  }
  log_warning(concat("some outputs are not finite: the running statistics of batch norms still are by ",
                     percent(initial_share(), 1), " their initial values (train longer, or lower `bn_momentum`)"));
}

void Trainer::train_to_the_end(const std::stop_token& stop) {
  start_loader(state_.loader);
  model_->train();
  Progress progress(concat("training ", options_.arch), total_steps_, "steps");
  progress.advance(state_.step);
  while (state_.step < total_steps_ && !stop.stop_requested()) {
    if (state_.step > 0 && state_.step == small_steps()) start_loader(loader_->state());
    const StepTimes before = times_;
    const double loss = train_step();
    epoch_times_.data += times_.data - before.data;
    epoch_times_.forward += times_.forward - before.forward;
    epoch_times_.backward += times_.backward - before.backward;
    epoch_times_.optimizer += times_.optimizer - before.optimizer;
    epoch_times_.images += times_.images - before.images;
    state_.epoch_loss += loss;
    ++state_.epoch_steps;
    if (state_.step % options_.log_every == 0) log_step(loss);
    progress.advance(1, concat("loss ", format_number(loss, 3), "  ",
                               format_number(share(static_cast<double>(times_.images), times_.total()), 1),
                               " images/s  data wait ", percent(times_.data, times_.total())));
    if (state_.step % steps_per_epoch_ != 0) continue;
    require_finite_weights();
    finish_epoch(state_.step / steps_per_epoch_);
    if (state_.step < total_steps_) save(/*with_model=*/false);
  }
}

TrainResult Trainer::run(std::stop_token stop) {
  began_ = Clock::now();
  if (state_.step == total_steps_ && fs::exists(folder_.last())) {
    log_info(concat("the run in ", folder_.path().string(), " is finished: more `epochs` go on with it"));
    return result();
  }
  train_to_the_end(stop);
  require_finite_weights();
  save(/*with_model=*/state_.step > 0);
  if (state_.step < total_steps_) {
    log_warning(concat("stopped at step ", state_.step, "; `resume` goes on from there"));
  }
  return result();
}

TrainResult Trainer::result() const {
  TrainResult result;
  result.interrupted = state_.step < total_steps_;
  result.last = last_;
  result.measures = state_.measures;
  result.metric = state_.metric;
  if (!keeper_->kept().empty()) result.best = keeper_->kept().front().score;
  result.steps = state_.step;
  result.seconds = state_.seconds;
  result.images_per_second = share(static_cast<double>(times_.images), times_.total());
  result.data_wait_share = share(times_.data, times_.total());
  result.peak_memory_mib = peak_memory_mib();
  return result;
}

}  // namespace assemble
