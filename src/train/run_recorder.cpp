// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/run_recorder.h"

#include "assemble/core/log.h"
#include "assemble/core/system.h"
#include "assemble/core/text.h"
#include "assemble/train/trainer.h"

namespace assemble {

void RunRecorder::on_begin(Trainer& trainer) {
  if (!trainer.options().resume.empty()) folder_.rewind(trainer.state().step);
}

void RunRecorder::on_step(Trainer& trainer, const StepReport& step) {
  const int64_t count = trainer.state().step;
  if (count % trainer.options().log_every != 0) return;
  const StepTimes& times = trainer.times();
  folder_.add_metrics("train", count,
                      {{"loss", step.loss},
                       {"l2", trainer.l2()},
                       {"learning_rate", step.learning_rate},
                       {"drop_block_keep", step.drop_block_keep},
                       {"images_per_second", times.images_per_second()},
                       {"data_wait_share", times.share_of(times.data)},
                       {"epoch", static_cast<double>(count) / static_cast<double>(trainer.steps_per_epoch())}});
}

void RunRecorder::on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) {
  const TrainingState& state = trainer.state();
  const StepTimes& times = evaluation.times;
  folder_.add_metrics("validation", state.step, state.measures);
  folder_.add_summary({evaluation.epoch, state.step, evaluation.learning_rate, evaluation.train_loss, state.measures,
                       times.images_per_second(), times.share_of(times.data), state.seconds, peak_memory_mib()});
}

void RunRecorder::on_epoch(Trainer& trainer) {
  if (trainer.state().step < trainer.total_steps()) trainer.save_checkpoint(folder_.checkpoint(), keeper_.kept());
}

void RunRecorder::on_end(Trainer& trainer) {
  const int64_t step = trainer.state().step;
  const bool is_finished = step == trainer.total_steps();
  if (is_finished && !trainer.has_trained() && fs::exists(folder_.last())) {
    log_info(concat("the run in ", folder_.path().string(), " is finished: more `epochs` go on with it"));
    return;
  }
  // The model first: a checkpoint of the last step says that the run is finished.
  if (step > 0) trainer.save_model(folder_.last());
  trainer.save_checkpoint(folder_.checkpoint(), keeper_.kept());
  if (!is_finished) log_warning(concat("stopped at step ", step, "; `resume` goes on from there"));
}

}  // namespace assemble
