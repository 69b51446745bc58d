// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/best_keeper.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/train/trainer.h"

namespace assemble {
namespace {

std::string model_name(int64_t epoch, const std::string& metric, double score) {
  char number[32];
  std::snprintf(number, sizeof number, "epoch-%04lld-", static_cast<long long>(epoch));
  return concat(number, metric, "-", format_number(score, 4), ".safetensors");
}

}  // namespace

BestKeeper::BestKeeper(fs::path folder, int count, bool keep_all)
    : folder_(std::move(folder)), count_(static_cast<size_t>(count)), keep_all_(keep_all) {
  if (count < 1) throw UsageError("`keep_best`", concat(count, " is less than 1"));
}

void BestKeeper::restore(std::vector<KeptModel> kept, std::string metric) {
  kept_ = std::move(kept);
  metric_ = std::move(metric);
  // The best is best.safetensors, whether or not it has a file of its own.
  const auto second = kept_.begin() + std::min<ptrdiff_t>(1, static_cast<ptrdiff_t>(kept_.size()));
  const auto lost = [&](const KeptModel& model) { return !fs::exists(folder_ / model.file); };
  kept_.erase(std::remove_if(second, kept_.end(), lost), kept_.end());
  if (kept_.size() > count_) kept_.resize(count_);
}

bool BestKeeper::offer(ClassifierImpl& model, const ModelCard& card, int64_t epoch, double score) {
  if (!std::isfinite(score)) throw RunError(concat("epoch ", epoch), concat("the model's ", metric_, " is ", score));
  const KeptModel candidate{model_name(epoch, metric_, score), score};
  const auto place = std::find_if(kept_.begin(), kept_.end(), [&](const KeptModel& k) { return score > k.score; });
  const bool is_best = place == kept_.begin();
  const bool is_kept = is_best || static_cast<size_t>(place - kept_.begin()) < count_;
  if (is_best) save_model(folder_ / "best.safetensors", model, card);
  // One kept model is best.safetensors itself; more get files of their own.
  if (keep_all_ || (is_kept && count_ > 1)) save_model(folder_ / candidate.file, model, card);
  if (!is_kept) return false;
  kept_.insert(place, candidate);
  if (kept_.size() > count_) {
    std::error_code ignored;
    if (!keep_all_) fs::remove(folder_ / kept_.back().file, ignored);
    kept_.pop_back();
  }
  return is_best;
}

void BestKeeper::on_begin(Trainer& trainer) { restore(trainer.state().kept, trainer.state().metric); }

void BestKeeper::on_evaluation(Trainer& trainer, const EvaluationReport& evaluation) {
  const AveragedWeights averaged = trainer.averaged_weights();
  offer(trainer.model(), trainer.card(), evaluation.epoch, evaluation.validation.score());
}

}  // namespace assemble
