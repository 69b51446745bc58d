// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/stop_rules.h"

#include "assemble/core/timing.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

void judge_steps(Trainer& trainer) {
  const int64_t most = trainer.options().max_steps;
  if (most > 0 && trainer.state().step >= most) trainer.stop("max_steps");
}

void judge_scores(Trainer& trainer) {
  const TrainOptions& options = trainer.options();
  if (options.stop_at > 0 && trainer.best() && *trainer.best() >= options.stop_at) trainer.stop("stop_at");
  if (options.patience > 0 && trainer.state().evaluations_since_best >= options.patience) trainer.stop("patience");
}

}  // namespace

void StopRules::on_begin(Trainer& trainer) {
  began_ = Clock::now();
  judge_steps(trainer);
  judge_scores(trainer);
}

void StopRules::on_step(Trainer& trainer, const StepReport&) {
  judge_steps(trainer);
  const double minutes = trainer.options().max_minutes;
  if (minutes > 0 && seconds_since(began_) >= 60 * minutes) trainer.stop("max_minutes");
}

void StopRules::on_evaluation(Trainer& trainer, const EvaluationReport&) { judge_scores(trainer); }

}  // namespace assemble
