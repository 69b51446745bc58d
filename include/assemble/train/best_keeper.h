// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "assemble/core/file.h"
#include "assemble/models/model_file.h"
#include "assemble/train/checkpoint.h"
#include "assemble/train/observer.h"

namespace assemble {

/// Keeps the k best model files of a run, by the score of its validations.
class BestKeeper : public TrainObserver {
 public:
  /// @param count how many to keep, at least 1
  /// @param keep_all keep every evaluated model too
  BestKeeper(fs::path folder, int count, bool keep_all);

  /// Goes on with the models of a run, best first, of which those are taken whose files are there.
  /// @param metric what a score is; part of the file names
  void restore(std::vector<KeptModel> kept, std::string metric = "top1");
  /// Saves the model when it is among the best (best.safetensors always is the best one; of equals the first) and
  /// removes what falls out.
  /// @return whether it is the best so far
  bool offer(ClassifierImpl& model, const ModelCard& card, int64_t epoch, double score);
  const std::vector<KeptModel>& kept() const { return kept_; }

  void on_begin(Trainer& trainer) override;
  void on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) override;

 private:
  fs::path folder_;
  size_t count_;
  bool keep_all_;
  std::vector<KeptModel> kept_;
  std::string metric_ = "top1";
};

}  // namespace assemble
