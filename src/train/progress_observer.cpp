// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/progress_observer.h"

#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

std::string percent(double share) { return format_number(100 * share, 0) + " %"; }

/// The share of a teacher that looks at the images; empty without one.
std::string teacher_share(const StepTimes& times) {
  return times.teacher > 0 ? "  teacher " + percent(times.share_of(times.teacher)) : "";
}

}  // namespace

void ProgressObserver::on_begin(Trainer& trainer) {
  if (trainer.state().step == trainer.total_steps()) return;
  progress_.emplace(concat("training ", trainer.options().arch), trainer.total_steps(), "steps");
  progress_->advance(trainer.state().step);
}

void ProgressObserver::on_step(Trainer& trainer, const StepReport& step) {
  const StepTimes& times = trainer.times();
  progress_->advance(1, concat("loss ", format_number(step.loss, 3), "  ", format_number(times.images_per_second(), 1),
                               " images/s  data wait ", percent(times.share_of(times.data)), teacher_share(times)));
}

void ProgressObserver::on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) {
  const StepTimes& times = evaluation.times;
  log_info(concat("epoch ", evaluation.epoch, "/", trainer.options().epochs, "  loss ",
                  format_number(evaluation.train_loss, 3), "  ", trainer.state().metric, " ",
                  format_number(100 * evaluation.validation.score(), 2), " %  ",
                  format_number(times.images_per_second(), 1), " images/s  data ", percent(times.share_of(times.data)),
                  teacher_share(times), "  forward ", percent(times.share_of(times.forward)), "  backward ",
                  percent(times.share_of(times.backward)), "  optimizer ", percent(times.share_of(times.optimizer))));
}

void ProgressObserver::on_end(Trainer&) { progress_.reset(); }

}  // namespace assemble
