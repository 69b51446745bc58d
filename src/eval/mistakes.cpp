// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/mistakes.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/finite.h"
#include "assemble/data/seen_image.h"
#include "assemble/eval/network.h"

namespace assemble {

void Mistakes::add(const Batch& batch, const Matrix& logits) {
  std::vector<double> logs(static_cast<size_t>(logits.columns));
  for (int64_t i = 0; i < batch.size; ++i) {
    const int64_t label = batch.labels[static_cast<size_t>(i)];
    if (!all_finite(logits.row(i))) continue;
    const int64_t predicted = best_classes(logits.row(i), 1).front();
    if (predicted == label) continue;
    log_probabilities(logits.row(i), loss_, logs);
    const double confidence = std::exp(logs[static_cast<size_t>(predicted)]);
    const auto place = std::ranges::find_if(kept_, [&](const Mistake& kept) { return confidence > kept.confidence; });
    if (place == kept_.end() && kept_.size() == most_) continue;
    kept_.insert(place, {batch.names[static_cast<size_t>(i)], label, predicted, confidence,
                         std::exp(logs[static_cast<size_t>(label)]), seen_image(batch, i, preprocessing_)});
    if (kept_.size() > most_) kept_.pop_back();
  }
}

}  // namespace assemble
