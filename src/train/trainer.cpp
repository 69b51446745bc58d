// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/trainer.h"

#include <chrono>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/models/tensor_file.h"
#include "assemble/nn/autocast.h"
#include "assemble/nn/kept_buffers.h"
#include "assemble/trace/arrays.h"
#include "assemble/train/arcface.h"
#include "assemble/train/cutmix.h"
#include "assemble/train/losses.h"
#include "assemble/train/sharpness.h"
#include "assemble/train/window_crop.h"
#include "step_timer.h"

namespace assemble {
namespace {

torch::Tensor top1(const torch::Tensor& logits, const torch::Tensor& labels) {
  return logits.detach().argmax(1).eq(labels.argmax(1)).to(torch::kDouble).mean();
}

std::vector<torch::Tensor> copies_of(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> copies;
  for (const torch::Tensor& tensor : tensors) copies.push_back(tensor.detach().clone());
  return copies;
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

}  // namespace

StepTimes& StepTimes::operator+=(const StepTimes& more) {
  data += more.data;
  teacher += more.teacher;
  forward += more.forward;
  backward += more.backward;
  optimizer += more.optimizer;
  images += more.images;
  return *this;
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

/// Where images that the network sees lie among those of all processes.
std::vector<int64_t> Trainer::places(int64_t images) const {
  std::vector<int64_t> places(static_cast<size_t>(images));
  for (int64_t i = 0; i < images; ++i) {
    places[static_cast<size_t>(i)] = loader_->place_in_batch(i / batch_.views) * batch_.views + i % batch_.views;
  }
  return places;
}

/// Of this process' part of a batch, as they are drawn for the batch of all.
torch::Tensor Trainer::lambdas(int64_t images, int64_t index) const {
  Random random(options_.seed, RandomPurpose::kMixup, 0, static_cast<uint64_t>(index));
  const torch::Tensor all = draw_lambdas(options_.mixup, images * ranks_->world(), options_.mixup_alpha, random);
  return all.index_select(0, torch::tensor(places(all.size(0) / ranks_->world())));
}

/// By mixup or CutMix; where both are on, the pass draws which.
LabelledBatch Trainer::mixed(const LabelledBatch& batch, int64_t index) {
  if (options_.cutmix_alpha > 0) {
    Random random(options_.seed, RandomPurpose::kCutMix, 0, static_cast<uint64_t>(index));
    const int height = static_cast<int>(batch.images.size(2)), width = static_cast<int>(batch.images.size(3));
    if (options_.mixup == MixupType::kOff || random.bernoulli(options_.cutmix_share)) {
      return cut_mix(batch, options_.mixup, draw_cut_window(height, width, options_.cutmix_alpha, random));
    }
  }
  return mix(batch, options_.mixup, upload_(lambdas(batch.images.size(0), index)));
}

/// What the network sees of the batch, on the device.
torch::Tensor Trainer::images() {
  if (!options_.crop_on_device) return upload_(to_tensor(images_of(batch_)));
  const auto bytes = static_cast<int64_t>(batch_.window_pixels.size());
  return crop_windows(upload_(torch::from_blob(batch_.window_pixels.data(), {bytes}, torch::kByte)),
                      upload_(torch::from_blob(batch_.windows.data(), {batch_.size, 4}, torch::kLong)), batch_.side,
                      options_.preprocessing);
}

/// [images, classes], on the device: 1 where a class is right.
torch::Tensor Trainer::targets() {
  if (train_.multi_label()) {
    return upload_(torch::from_blob(batch_.targets.data(), {batch_.size, card_.classes()}).clone());
  }
  return one_hot_labels(upload_(torch::from_blob(batch_.labels.data(), {batch_.size}, torch::kLong)), card_.classes());
}

LabelledBatch Trainer::labelled_batch(int64_t index) {
  {
    const Timed timed(step_times_.data, "data");
    upload_.wait();
    next_batch(batch_);
  }
  LabelledBatch labelled{images(), targets(), {}};
  if (options_.kd_temperature > 0 && !teacher_) {
    const torch::Tensor logits = torch::from_blob(batch_.logits.data(), {batch_.size, card_.classes()});
    labelled.teacher_labels = torch::softmax(upload_(logits) / options_.kd_temperature, 1);
  }
  if (options_.mixes_images()) labelled = mixed(labelled, index);
  if (teacher_) {
    const Timed timed(step_times_.teacher, "teacher");
    labelled.teacher_labels = torch::softmax((*teacher_)(labelled.images) / options_.kd_temperature, 1);
  }
  return labelled;
}

/// What is dropped of an image does not depend on the process that has it.
void Trainer::key_stochastic_depth(int64_t index, int64_t images) {
  StochasticDepthState& depth = model_->stochastic_depth_state();
  depth.step = static_cast<uint32_t>(state_.step);
  depth.places.clear();
  const int64_t before = index % options_.accumulate * images * ranks_->world();
  for (const int64_t place : places(images)) depth.places.push_back(static_cast<uint32_t>(before + place));
  if (!options_.is_asynchronous() || options_.stochastic_depth == 0) return;
  const torch::Tensor masks = upload_(nn::stochastic_depth_masks(*model_, depth, images));
  if (depth.masks.defined() && depth.masks.sizes() == masks.sizes()) {
    depth.masks.copy_(masks);  // recorded steps read them where they are
  } else {
    depth.masks = masks;
  }
}

void Trainer::key_drop_block() {
  if (options_.drop_block.empty()) return;
  DropBlockState& state = model_->drop_block_state();
  state.keep_probability = keep_probability(options_.drop_block[0], options_.drop_block[1], total_steps_, state_.step);
  state.step = static_cast<uint32_t>(state_.step);
  if (state.keep.defined()) state.keep.fill_(state.keep_probability);
}

/// @return its figures, see pass()
torch::Tensor Trainer::micro_step(int64_t index) {
  const LabelledBatch batch = labelled_batch(index);
  key_stochastic_depth(index, batch.images.size(0));
  step_times_.images += batch_.size * ranks_->world();
  if (recorder_) seed_device();
  if (recorder_ && can_be_recorded()) return (*recorder_)(batch);
  const torch::Tensor figures = pass(batch, /*synchronise=*/(index + 1) % options_.accumulate == 0);
  if (options_.sam_rho > 0 && (state_.step + 1) % options_.sam_every == 0) {
    const nn::KeptBuffers statistics(*model_);  // they have seen the batch
    const SharpestNearby there(model_->parameters(), options_.sam_rho);
    if (recorder_) seed_device();
    pass(batch, /*synchronise=*/true);
  }
  return figures;
}

/// Forward and backward.
/// @return loss, its part of the labels, what is beyond that, and top-1 where it is measured; where they were computed
torch::Tensor Trainer::pass(const LabelledBatch& batch, bool synchronise) {
  torch::Tensor loss, cross_entropy, logits, views;
  {
    const Timed timed(step_times_.forward, "forward");
    {
      const AutocastGuard autocast(options_.device, options_.precision);
      logits = model_->forward(batch.images);
    }
    if (batch_.views > 1) {
      views = logits.view({batch_.size, batch_.views, card_.classes()});
      logits = views.select(1, 0);
    }
    const torch::Tensor judged =
        options_.loss == LossType::kArcFace
            ? arcface_logits(logits, batch.labels, options_.cosine_scale, options_.arcface_margin)
            : logits;
    loss = classification_loss(options_.loss, judged, batch.labels, options_.label_smoothing, options_.sigmoid,
                               log_priors_);
    cross_entropy = loss.detach();
    if (views.defined()) loss = loss + options_.jensen_shannon * jensen_shannon(views);
    if (options_.kd_temperature > 0) {
      loss = loss + distillation_loss(logits, batch.teacher_labels, options_.kd_temperature);
    }
  }
  {
    const Timed timed(step_times_.backward, "backward");
    ranks_->backward(optimizer_->scaled(loss) / static_cast<double>(options_.accumulate), synchronise);
  }
  const torch::Tensor both = loss.detach().to(torch::kDouble), of_labels = cross_entropy.to(torch::kDouble);
  const torch::Tensor right = measures_top1() ? top1(logits, batch.labels) : torch::zeros_like(both);
  return torch::stack({both, of_labels, both - of_labels, right});
}

bool Trainer::measures_top1() const { return !options_.mixes_images() && !train_.multi_label(); }

/// @param figures summed over the passes of the step
void Trainer::note_figures(const torch::Tensor& figures, StepReport& report) const {
  const torch::Tensor read = figures.cpu();
  const auto passes = static_cast<double>(options_.accumulate);
  const auto mean = [&](int64_t i) { return read[i].item<double>() / passes; };
  report.loss = mean(0);
  report.cross_entropy = mean(1);
  (batch_.views > 1 ? report.jensen_shannon : report.distillation) = mean(2);
  if (measures_top1()) report.top1 = mean(3);
}

StepReport Trainer::train_step() {
  key_drop_block();
  const std::vector<torch::Tensor> buffers =
      options_.skip_non_finite > 0 ? copies_of(model_->buffers()) : std::vector<torch::Tensor>();
  StepReport report{.learning_rate = options_.schedule.at(state_.step),
                    .drop_block_keep = model_->drop_block_state().keep_probability};
  torch::Tensor figures;
  for (int64_t a = 0; a < options_.accumulate; ++a) {
    const torch::Tensor of_pass = micro_step(state_.step * options_.accumulate + a);
    figures = figures.defined() ? figures + of_pass : of_pass;
  }
  note_figures(figures, report);
  const Timed timed(step_times_.optimizer, "optimizer");
  share_figures(report);
  optimizer_->unscale_gradients();
  if (measures_gradient()) report.gradient_norm = optimizer_->gradient_norm();
  if (is_left_out(report, buffers)) return report;
  if (options_.clip_gradients > 0) optimizer_->clip_gradients(*report.gradient_norm, options_.clip_gradients);
  optimizer_->step(report.learning_rate);
  ranks_->average(statistics_);
  finish_step();
  return report;
}

/// What follows the new weights.
void Trainer::finish_step() {
  if (average_) average_->update();
  ++state_.step;
}

bool Trainer::measures_gradient() const {
  return options_.clip_gradients > 0 || options_.skip_non_finite > 0 || (state_.step + 1) % options_.log_every == 0;
}

/// A step that is not finite leaves no trace but its number, as often as the options allow.
/// @param buffers what the running statistics were before it
bool Trainer::is_left_out(const StepReport& report, const std::vector<torch::Tensor>& buffers) {
  const bool judges_gradient = options_.skip_non_finite > 0;
  const bool has_bad_gradient = judges_gradient && !std::isfinite(*report.gradient_norm);
  // The scale of f16 is found by overflows, which the optimizer leaves out.
  if (std::isfinite(report.loss) && (!has_bad_gradient || optimizer_->has_overflowed())) return false;
  const std::string what = std::isfinite(report.loss) ? concat("the gradient's norm is ", *report.gradient_norm)
                                                      : concat("the loss is ", report.loss);
  const std::string where = concat("step ", state_.step);
  if (state_.skipped == options_.skip_non_finite) {
    throw RunError(where,
                   what + (judges_gradient ? concat(", after ", state_.skipped, " steps that were left out") : ""),
                   kDivergedHint);
  }
  ++state_.skipped;
  log_warning(concat(where, ": ", what, ", it is left out: ", state_.skipped, " of ", options_.skip_non_finite));
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> now = model_->buffers();
  for (size_t i = 0; i < now.size(); ++i) now[i].copy_(buffers[i]);
  optimizer_->zero_grad();
  ++state_.step;
  return true;
}

bool Trainer::is_evaluated(int64_t epoch) const {
  return epoch == options_.epochs || epoch % options_.eval_every == 0 ||
         static_cast<double>(epoch) > options_.fine_eval_ratio * static_cast<double>(options_.epochs);
}

ValidationResult Trainer::validate_averaged() {
  const AveragedWeights averaged = averaged_weights();
  return validator_->run(*model_, options_.device, options_.precision, *ranks_);
}

/// The step that breaks the weights had a loss of the weights before it.
void Trainer::require_finite_weights() const {
  const std::string damaged = not_finite(model_->named_state());
  if (damaged.empty()) return;
  throw RunError(concat("step ", state_.step), "the training has diverged:" + damaged, kDivergedHint);
}

void Trainer::evaluate_epoch(int64_t epoch) {
  last_ = validate_averaged();
  const double loss = last_.classification ? last_.classification->loss
                      : last_.multi_label  ? last_.multi_label->loss
                                           : 0;
  if (!std::isfinite(loss)) explain_outputs();
  const bool is_better = !best_ || last_.score() > *best_;
  if (is_better) best_ = last_.score();
  state_.evaluations_since_best = is_better ? 0 : state_.evaluations_since_best + 1;
  note_evaluation(epoch);
  const EvaluationReport report{epoch, options_.schedule.at(state_.step - 1),
                                ratio(state_.epoch_loss, static_cast<double>(state_.epoch_steps)), last_, epoch_times_};
  for (TrainObserver* observer : observers_) observer->on_evaluation(*this, report);
  epoch_times_ = {};
  state_.epoch_loss = 0;
  state_.epoch_steps = 0;
}

/// What model files and checkpoints say of the validation.
void Trainer::note_evaluation(int64_t epoch) {
  state_.measures = last_.metrics();
  card_.training["epoch"] = std::to_string(epoch);
  card_.training[state_.metric] = format_number(last_.score(), 6);
  note_progress();
  state_.record = card_.training;
}

void Trainer::note_progress() {
  if (!ranks_->is_shared()) read_figures();  // a checkpoint is one rank's affair
  note_initial_statistics(card_, initial_share());
  state_.seconds = elapsed_before_ + seconds_since(began_);
  state_.loader = loader_->state();
}

/// What the initial values of batch norms still weigh in the running statistics that are saved.
double Trainer::initial_share() const {
  // Of what a pretrained network does not bring, an embedding alone has a batch norm.
  const auto fresh = card_.training.find("new");
  const bool has_new_statistics =
      fresh != card_.training.end() && fresh->second.find("running_var") != std::string::npos;
  if (!options_.pretrained.empty() && !has_new_statistics) return 0;
  const double kept = std::pow(*options_.bn_momentum, static_cast<double>(options_.accumulate));
  double share = 1, average = 1;
  for (int64_t step = 1; step <= state_.step; ++step) {
    share *= kept;
    if (average_) average += (share - average) * (1 - average_->decay(step));
  }
  return average_ ? average : share;
}

void Trainer::save_model(const fs::path& path) {
  const AveragedWeights averaged = averaged_weights();
  assemble::save_model(path, *model_, card_);
}

Checkpoint Trainer::checkpoint(const std::vector<KeptModel>& kept) {
  note_progress();
  state_.kept = kept;
  return take_checkpoint(*model_, *optimizer_, average_.get(), state_);
}

/// Validation met outputs that are not finite. With the statistics of a batch, a network that learns has finite ones:
/// it is the running statistics then that have not settled yet.
void Trainer::explain_outputs() {
  const torch::NoGradGuard no_grad;
  const nn::KeptBuffers kept(*model_);
  const torch::Tensor seen = images();
  key_stochastic_depth(0, seen.size(0));
  const torch::Tensor logits = model_->forward(seen);
  if (!logits.isfinite().all().item<bool>()) {
    throw RunError(concat("step ", state_.step), "the network's outputs are not finite", kDivergedHint);
  }
  log_warning(concat("some outputs are not finite: the running statistics of batch norms still are by ",
                     format_number(100 * initial_share(), 0),
                     " % their initial values (train longer, or lower `bn_momentum`)"));
}

void Trainer::train_to_the_end(const std::stop_token& stop) {
  start_loader(state_.loader);
  model_->train();
  while (state_.step < total_steps_ && !is_ended(stop)) {
    if (state_.step > 0 && state_.step == small_steps()) start_loader(loader_->state());
    step_times_ = {};
    const StepReport report = options_.is_asynchronous() ? asynchronous_step() : train_step();
    times_ += step_times_;
    epoch_times_ += step_times_;
    if (!options_.is_asynchronous() && std::isfinite(report.loss)) {
      state_.epoch_loss += report.loss;
      ++state_.epoch_steps;
    }
    for (TrainObserver* observer : observers_) observer->on_step(*this, report);
    if (options_.compare_every > 0 && state_.step % options_.compare_every == 0) compare_ranks();
    if (state_.step % steps_per_epoch_ != 0) continue;
    require_finite_weights();
    const int64_t epoch = state_.step / steps_per_epoch_;
    if (is_evaluated(epoch)) evaluate_epoch(epoch);
    note_progress();
    for (TrainObserver* observer : observers_) observer->on_epoch(*this);
  }
  require_finite_weights();
  note_progress();
}

void Trainer::stop(const std::string& option) {
  if (stopped_by_.empty()) stopped_by_ = option;
}

TrainResult Trainer::run(std::stop_token stop) {
  began_ = Clock::now();
  for (TrainObserver* observer : observers_) observer->on_begin(*this);
  if (state_.step < total_steps_ && !is_ended({})) train_to_the_end(stop);
  for (TrainObserver* observer : observers_) observer->on_end(*this);
  return result();
}

TrainResult Trainer::result() const {
  TrainResult result;
  if (state_.step < total_steps_) result.stopped_by = stopped_by_;
  result.interrupted = interrupted_;
  result.last = last_;
  result.measures = state_.measures;
  result.metric = state_.metric;
  result.best = best_;
  result.steps = state_.step;
  result.seconds = state_.seconds;
  result.images_per_second = times_.images_per_second();
  result.data_wait_share = times_.share_of(times_.data);
  result.peak_memory_mib = peak_memory_mib();
  return result;
}

}  // namespace assemble
