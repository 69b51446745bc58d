// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "assemble/train/validation.h"

namespace assemble {

class Trainer;

/// Where a run's wall time goes, seconds. On CUDA, work is queued, so only the sum is exact.
struct StepTimes {
  double data = 0;
  double teacher = 0;  ///< that looks at the student's images
  double forward = 0;
  double backward = 0;
  double optimizer = 0;
  int64_t images = 0;

  double total() const { return data + teacher + forward + backward + optimizer; }
  /// Shares of the total and images a second; 0 when no time was spent.
  double share_of(double part) const { return total() > 0 ? part / total() : 0; }
  double images_per_second() const { return share_of(static_cast<double>(images)); }
  StepTimes& operator+=(const StepTimes& more);
};

/// A step that was taken.
struct StepReport {
  double loss = 0;            ///< cross_entropy + distillation + jensen_shannon; weight decay's part is Trainer::l2()
  double cross_entropy = 0;   ///< of the labels
  double distillation = 0;    ///< of the teacher's; 0 without one
  double jensen_shannon = 0;  ///< of AugMix' views, weighted; 0 without them
  std::optional<double> top1 = std::nullopt;  ///< of the step's images; nothing when they are mixed
  std::optional<double> gradient_norm = std::nullopt;  ///< before clipping, where it was measured
  double learning_rate = 0;
  double drop_block_keep = 1;  ///< keep probability
};

/// An epoch after which the network was validated.
struct EvaluationReport {
  int64_t epoch = 0;  ///< from 1
  double learning_rate = 0;
  double train_loss = 0;               ///< mean since the last validation
  const ValidationResult& validation;  ///< of the averaged weights, where there are averages
  const StepTimes& times;              ///< since the last validation
};

/// Watches a run and may save what it likes of it. A trainer itself writes nothing. Functions are called in the order
/// of the observers, by the thread that trains; what they throw ends the run.
class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// Before the first step: Trainer::state() is that of the checkpoint in a run that goes on. Here and later,
  /// Trainer::stop() ends the run.
  virtual void on_begin(Trainer& trainer) {}
  virtual void on_step(Trainer& trainer, const StepReport& step) {}
  /// The network holds the weights of training: see Trainer::averaged_weights().
  virtual void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) {}
  /// After every epoch and its validation.
  virtual void on_epoch(Trainer& trainer) {}
  /// After the last step, or that after which the run was asked to stop. The weights are finite.
  virtual void on_end(Trainer& trainer) {}
};

}  // namespace assemble
