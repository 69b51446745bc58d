// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_recorder.h"

#include <cmath>

#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/core/timing.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

Figures figures_of(Trainer& trainer, const StepReport& step) {
  const StepTimes& times = trainer.times();
  const auto epoch = static_cast<double>(trainer.state().step) / static_cast<double>(trainer.steps_per_epoch());
  Figures figures{{"loss", step.loss}, {"cross_entropy", step.cross_entropy}};
  if (trainer.options().kd_temperature > 0) figures.emplace_back("distillation", step.distillation);
  if (trainer.options().compares_views()) figures.emplace_back("jensen_shannon", step.jensen_shannon);
  if (step.top1) figures.emplace_back("top1", *step.top1);
  if (step.gradient_norm) figures.emplace_back("gradient_norm", *step.gradient_norm);
  figures.insert(figures.end(), {{"l2", trainer.l2()},
                                 {"learning_rate", step.learning_rate},
                                 {"drop_block_keep", step.drop_block_keep},
                                 {"images_per_second", times.images_per_second()},
                                 {"data_wait_share", times.share_of(times.data)},
                                 {"epoch", epoch}});
  return figures;
}

}  // namespace

bool RunRecorder::is_checkpoint_due(const Trainer& trainer) const {
  const CheckpointInterval& every = trainer.options().checkpoint_every;
  if (every.unit == CheckpointInterval::Unit::kMinutes) return seconds_since(saved_at_) >= 60 * every.amount;
  const bool in_epochs = every.unit == CheckpointInterval::Unit::kEpochs;
  const double steps = every.amount * (in_epochs ? static_cast<double>(trainer.steps_per_epoch()) : 1);
  const auto intervals = [&](int64_t step) { return std::floor(static_cast<double>(step) / steps); };
  return intervals(trainer.state().step) > intervals(saved_step_);
}

void RunRecorder::save_checkpoint(Trainer& trainer) {
  finish_checkpoint();
  saved_step_ = trainer.state().step;
  saved_at_ = Clock::now();
  writing_ = std::async(std::launch::async, [this, checkpoint = trainer.checkpoint(keeper_.kept()), step = saved_step_,
                                             count = trainer.options().keep_checkpoints] {
    write_checkpoint(folder_.checkpoint(), checkpoint);
    folder_.keep_checkpoint(step, count);
  });
}

void RunRecorder::finish_checkpoint() {
  if (writing_.valid()) writing_.get();
}

void RunRecorder::on_begin(Trainer& trainer) {
  saved_step_ = trainer.state().step;
  saved_at_ = Clock::now();
  if (!trainer.options().resume.empty()) folder_.rewind(trainer.state().step);
}

void RunRecorder::on_step(Trainer& trainer, const StepReport& step) {
  const int64_t count = trainer.state().step;
  if (count % trainer.options().log_every == 0) folder_.add_metrics("train", count, figures_of(trainer, step));
  // One at the end of an epoch waits for its evaluation.
  if (count % trainer.steps_per_epoch() != 0 && is_checkpoint_due(trainer)) save_checkpoint(trainer);
}

void RunRecorder::on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) {
  const TrainingState& state = trainer.state();
  const StepTimes& times = evaluation.times;
  folder_.add_metrics("validation", state.step, state.measures);
  folder_.add_summary({evaluation.epoch, state.step, evaluation.learning_rate, evaluation.train_loss, state.measures,
                       times.images_per_second(), times.share_of(times.data), state.seconds, peak_memory_mib()});
}

void RunRecorder::on_epoch(Trainer& trainer) {
  if (trainer.state().step < trainer.total_steps() && is_checkpoint_due(trainer)) save_checkpoint(trainer);
}

void RunRecorder::on_end(Trainer& trainer) {
  const int64_t step = trainer.state().step;
  const bool is_finished = step == trainer.total_steps();
  const std::string& rule = trainer.stopped_by();
  if (!trainer.has_trained() && fs::exists(folder_.last()) && (is_finished || !rule.empty())) {
    log_info(concat("the run in ", folder_.path().string(),
                    is_finished ? " is finished: more `epochs` go on with it" : concat(" was ended by `", rule, "`")));
    return;
  }
  // The model first: a checkpoint of the last step says that the run is finished.
  if (step > 0) trainer.save_model(folder_.last());
  save_checkpoint(trainer);
  finish_checkpoint();
  if (is_finished) return;
  if (rule.empty()) {
    log_warning(concat("stopped at step ", step, "; `resume` goes on from there"));
  } else {
    log_info(concat("`", rule, "` ends the run at step ", step, "; `resume` with another value goes on from there"));
  }
}

}  // namespace assemble
