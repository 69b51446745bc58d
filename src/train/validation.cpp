// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/validation.h"

#include <algorithm>
#include <cstring>

#include "assemble/core/error.h"
#include "assemble/models/network.h"

namespace assemble {

namespace {

ClassificationMeter with_other_parts(const ClassificationMeter& part, int64_t classes, LossType loss,
                                     Communicator& ranks) {
  if (!ranks.is_shared()) return part;
  ClassificationMeter all(classes, loss);
  for (const std::string& sums : ranks.gather(part.sums())) all.add_sums(sums, "evaluation");
  return all;
}

template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename T>
void append_bytes(std::vector<T>& values, const std::string& bytes) {
  const size_t before = values.size();
  values.resize(before + bytes.size() / sizeof(T));
  std::memcpy(values.data() + before, bytes.data(), bytes.size());
}

MultiLabelMeter with_other_parts(const MultiLabelMeter& part, int64_t classes, Communicator& ranks) {
  if (!ranks.is_shared()) return part;
  MultiLabelMeter all(classes);
  for (const std::string& bytes : ranks.gather(part.part())) all.add_part(bytes, "evaluation");
  return all;
}

EmbeddedImages with_other_parts(const EmbeddedImages& part, Communicator& ranks) {
  if (!ranks.is_shared()) return part;
  EmbeddedImages all{.embeddings = Matrix(0, part.embeddings.columns), .labels = {}};
  for (const std::string& bytes : ranks.gather(bytes_of(part.embeddings.values)))
    append_bytes(all.embeddings.values, bytes);
  for (const std::string& bytes : ranks.gather(bytes_of(part.labels))) append_bytes(all.labels, bytes);
  all.embeddings.rows = static_cast<int64_t>(all.labels.size());
  return all;
}

}  // namespace

ValidationMetric parse_validation_metric(const std::string& name) { return kValidationMetrics.parse(name); }
const char* metric_name(ValidationMetric metric) { return kValidationMetrics.name(metric); }

double ValidationResult::score() const {
  if (retrieval) return retrieval->recall.front().second;
  if (multi_label) return multi_label->map;
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
  if (multi_label) {
    metrics = {{"loss", multi_label->loss},
               {"map", multi_label->map},
               {"f1", multi_label->f1},
               {"macro_f1", multi_label->macro_f1}};
  }
  if (retrieval) {
    for (const auto& [k, share] : retrieval->recall) metrics.emplace_back(concat("recall@", k), share);
    metrics.emplace_back("map@r", retrieval->map_at_r);
  }
  return metrics;
}

Validator::Validator(const Dataset& dataset, const LoaderOptions& loader, const ValidationOptions& options)
    : options_(options), preprocessing_(loader.preprocessing), loader_(dataset, loader) {
  if (dataset.size() < loader.world) {
    throw UsageError(dataset.where(),
                     concat("holds ", dataset.size(), " validation images for ", loader.world, " processes"),
                     "use fewer processes");
  }
  Batch batch;
  loader_.start(0);
  if (!loader_.next(batch)) throw InputError(dataset.where(), "not one image can be read", "see the warnings above");
  if (options_.metric != ValidationMetric::kRecallAt1) return;
  if (dataset.size() < 2) throw UsageError(dataset.where(), "retrieval needs at least 2 validation images");
  std::vector<int64_t>& recall_at = options_.recall_at;
  recall_at.push_back(1);
  std::sort(recall_at.begin(), recall_at.end());
  recall_at.erase(std::unique(recall_at.begin(), recall_at.end()), recall_at.end());
  std::erase_if(recall_at, [&](int64_t k) { return k >= dataset.size(); });
  if (recall_at.front() < 1) throw UsageError("recall at", concat("k = ", recall_at.front(), " is below 1"));
}

ValidationResult Validator::run(ClassifierImpl& model, torch::Device device, Precision precision, Communicator& ranks) {
  ValidationResult result;
  const std::string arch = model.arch().str();
  if (options_.metric == ValidationMetric::kTop1) {
    const ClassifierOptions& classifier = model.options();
    const LossType loss = classifier.sigmoid_loss ? LossType::kSigmoid : LossType::kSoftmax;
    // Until the running statistics of batch norms have settled, outputs may overflow.
    Mistakes mistakes(preprocessing_, loss);
    const ClassificationMeter part = evaluate_part(
        borrow_network(model, device, precision), {classifier.classes, loss, arch}, loader_, "", NotFinite::kWrong,
        [&](const Batch& batch, const Matrix& logits) { mistakes.add(batch, logits); });
    result.mistakes = mistakes.kept();
    result.classification = with_other_parts(part, classifier.classes, loss, ranks).result();
  } else if (options_.metric == ValidationMetric::kMap) {
    MultiLabelMeter part(model.options().classes);
    for_each_batch(borrow_network(model, device, precision), {model.options().classes, LossType::kSigmoid, arch},
                   loader_, "", NotFinite::kWrong,
                   [&](const Batch& batch, const Matrix& logits) { part.add(logits, batch.targets); });
    result.multi_label = with_other_parts(part, model.options().classes, ranks).result();
  } else {
    const EmbeddedImages part = embed_images(borrow_embedder(model, device, precision), arch, loader_);
    result.retrieval = measure_retrieval(with_other_parts(part, ranks), options_.similarity, options_.recall_at);
  }
  return result;
}

}  // namespace assemble
