// SPDX-License-Identifier: Apache-2.0
// Steps that wait for nothing: this thread launches the next ones while the device computes.
#include <ATen/Context.h>

#include <array>
#include <cmath>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/nn/cuda_runtime.h"
#include "assemble/train/trainer.h"
#include "step_timer.h"

namespace assemble {

void Trainer::start_asynchronous() {
  const torch::Device device = options_.device;
  optimizer_->keep_rate_on_device();
  if (!options_.drop_block.empty()) model_->drop_block_state().keep = torch::ones({}, torch::device(device));
  if (device.is_cuda()) at::globalContext().setBenchmarkCuDNN(true);
  StepRecorder::Record record;
  if (device.is_cuda()) record = [this](const std::function<void()>& work) { return recorded(work); };
  constexpr int kCalled = 3, kCalledOfSeveral = 11;  // c10d's Reducer takes times in its first ten, which it must not
  recorder_ = std::make_unique<StepRecorder>([this](const LabelledBatch& batch) { return whole_step(batch); }, record,
                                             ranks_->is_shared() ? kCalledOfSeveral : kCalled);
}

/// By all processes, or by none: one that calls what the others replay is as right, but slows all down.
std::unique_ptr<RecordedWork> Trainer::recorded(const std::function<void()>& work) {
  std::unique_ptr<RecordedWork> recorded;
  std::string why_not = "another process could not do it";
  try {
    recorded = cuda_runtime()->record(options_.device, work, 0);
  } catch (const std::exception& error) {
    why_not = error.what();
  }
  std::array failures{recorded ? 0.0 : 1.0};
  ranks_->sum(failures);
  if (failures[0] == 0) return recorded;
  recorded.reset();
  if (ranks_->is_shared()) share_gradients();  // the one that was broken off left them half reduced
  throw RunError("", why_not);
}

/// A step of one pass, in which nothing is read.
bool Trainer::can_be_recorded() const {
  return options_.accumulate == 1 && options_.sam_rho == 0 && options_.optimizer_type != OptimizerType::kLamb &&
         !options_.sync_bn && !ranks_->waits_for_cpu();
}

/// Its random numbers are those of the step, whatever was drawn before.
void Trainer::seed_device() {
  if (options_.drop_block.empty()) return;
  Random random(options_.seed, RandomPurpose::kDropBlock, 0, static_cast<uint64_t>(state_.step));
  at::Generator generator = at::globalContext().defaultGenerator(options_.device);
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(uint64_t{random()} << 32 | random());
}

/// From the gradients to new weights. @return the gradient's norm before clipping, [1]
torch::Tensor Trainer::optimize() {
  optimizer_->unscale_gradients();
  const torch::Tensor norm = optimizer_->norm_on_device();
  if (options_.clip_gradients > 0) optimizer_->clip_on_device(norm, options_.clip_gradients);
  optimizer_->apply();
  return norm.to(torch::kDouble).view({1});
}

torch::Tensor Trainer::whole_step(const LabelledBatch& batch) {
  optimizer_->zero_grad();  // of a recording that failed
  const torch::Tensor figures = pass(batch, /*synchronise=*/true);
  const torch::Tensor all = torch::cat({figures, optimize()});
  ranks_->average(statistics_);
  return all;
}

StepReport Trainer::asynchronous_step() {
  key_drop_block();
  const double rate = options_.schedule.at(state_.step);
  optimizer_->set_rate(rate);
  torch::Tensor figures;
  for (int64_t a = 0; a < options_.accumulate; ++a) {
    const torch::Tensor of_pass = micro_step(state_.step * options_.accumulate + a);
    figures = figures.defined() ? figures + of_pass : of_pass;
  }
  const Timed timed(step_times_.optimizer, "optimizer");
  if (!can_be_recorded()) {
    figures = torch::cat({figures, optimize()});
    ranks_->average(statistics_);
  }
  figures_ = figures;
  const torch::Tensor loss = figures_[0] / static_cast<double>(options_.accumulate);
  unread_loss_ = unread_loss_.defined() ? unread_loss_ + loss : loss;
  ++unread_;
  finish_step();
  const bool is_first = times_.images == 0;
  if (is_first || state_.step % options_.log_every == 0 || state_.step % steps_per_epoch_ == 0) read_figures();
  StepReport report = report_;
  report.learning_rate = rate;
  report.drop_block_keep = model_->drop_block_state().keep_probability;
  return report;
}

/// Waits for the device. All processes do so after the same steps.
void Trainer::read_figures() {
  if (unread_ == 0) return;
  std::array sum{unread_loss_.item<double>()};
  ranks_->sum(sum);
  note_figures(figures_, report_);
  report_.gradient_norm = figures_[4].item<double>();
  share_figures(report_);
  if (!std::isfinite(sum[0])) {
    throw RunError(unread_ == 1 ? concat("step ", state_.step - 1)
                                : concat("steps ", state_.step - unread_, " to ", state_.step - 1),
                   concat("the loss is ", sum[0] / ranks_->world()), kDivergedHint);
  }
  state_.epoch_loss += sum[0] / ranks_->world();
  state_.epoch_steps += unread_;
  unread_ = 0;
  unread_loss_.reset();
}

}  // namespace assemble
