// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/validation.h"

#include <algorithm>

#include "assemble/core/error.h"
#include "assemble/models/network.h"

namespace assemble {

ValidationMetric parse_validation_metric(const std::string& name) { return kValidationMetrics.parse(name); }
const char* metric_name(ValidationMetric metric) { return kValidationMetrics.name(metric); }

double ValidationResult::score() const {
  if (retrieval) return retrieval->recall.front().second;
  return classification ? classification->top1 : 0;
}

std::vector<std::pair<std::string, double>> ValidationResult::metrics() const {
  std::vector<std::pair<std::string, double>> metrics;
  if (classification) {
    metrics = {{"loss", classification->loss},
               {"top1", classification->top1},
               {"top5", classification->top5},
               {"ece", classification->ece}};
  }
  if (retrieval) {
    for (const auto& [k, share] : retrieval->recall) metrics.emplace_back(concat("recall@", k), share);
    metrics.emplace_back("map@r", retrieval->map_at_r);
  }
  return metrics;
}

Validator::Validator(const Dataset& dataset, const LoaderOptions& loader, const ValidationOptions& options)
    : options_(options), loader_(dataset, loader) {
  Batch batch;
  loader_.start(0);
  if (!loader_.next(batch)) throw InputError(dataset.where(), "not one image can be read", "see the warnings above");
  if (options_.metric == ValidationMetric::kTop1) return;
  if (dataset.size() < 2) throw UsageError(dataset.where(), "retrieval needs at least 2 validation images");
  std::vector<int64_t>& recall_at = options_.recall_at;
  recall_at.push_back(1);
  std::sort(recall_at.begin(), recall_at.end());
  recall_at.erase(std::unique(recall_at.begin(), recall_at.end()), recall_at.end());
  std::erase_if(recall_at, [&](int64_t k) { return k >= dataset.size(); });
  if (recall_at.front() < 1) throw UsageError("recall at", concat("k = ", recall_at.front(), " is below 1"));
}

ValidationResult Validator::run(ClassifierImpl& model, torch::Device device, Precision precision) {
  ValidationResult result;
  const std::string arch = model.arch().str();
  if (options_.metric == ValidationMetric::kTop1) {
    const ClassifierOptions& classifier = model.options();
    const LossType loss = classifier.sigmoid_loss ? LossType::kSigmoid : LossType::kSoftmax;
    // Until the running statistics of batch norms have settled, outputs may overflow.
    result.classification = evaluate(borrow_network(model, device, precision), {classifier.classes, loss, arch},
                                     loader_, "", NotFinite::kWrong);
  } else {
    const EmbeddedImages images = embed_images(borrow_embedder(model, device, precision), arch, loader_);
    result.retrieval = measure_retrieval(images, options_.similarity, options_.recall_at);
  }
  return result;
}

}  // namespace assemble
