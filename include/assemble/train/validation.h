// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "assemble/core/choice.h"
#include "assemble/data/dataset.h"
#include "assemble/data/loader.h"
#include "assemble/eval/classification.h"
#include "assemble/eval/mistakes.h"
#include "assemble/eval/multi_label.h"
#include "assemble/eval/retrieval.h"
#include "assemble/models/classifier.h"
#include "assemble/train/communicator.h"

namespace assemble {

/// What a run's validation measures, and by which figure its best models are kept.
enum class ValidationMetric {
  kTop1,       ///< classification; the best have the highest top-1
  kRecallAt1,  ///< retrieval, whose classes need not be those of training (zero-shot); the highest recall\@1
  kMap,        ///< classes of which any number may be right; the highest mean average precision
};
inline constexpr auto kValidationMetrics = choices<ValidationMetric>(
    "validation.metric",
    {{ValidationMetric::kTop1, "top1"}, {ValidationMetric::kRecallAt1, "recall@1"}, {ValidationMetric::kMap, "map"}});

/// "top1", "recall\@1" or "map". @throws UsageError otherwise
ValidationMetric parse_validation_metric(const std::string& name);
const char* metric_name(ValidationMetric metric);

struct ValidationOptions {
  ValidationMetric metric = ValidationMetric::kTop1;
  Similarity similarity = Similarity::kCosine;  ///< of kRecallAt1
  std::vector<int64_t> recall_at{1, 2, 4,
                                 8};  ///< values of k beside 1; those that the data set is too small for are left out
};

/// One validation; the part that the metric calls for is there.
struct ValidationResult {
  std::optional<ClassificationResult> classification;
  std::vector<Mistake> mistakes;  ///< of it, in this process' part of the data set: the surest
  std::optional<RetrievalResult> retrieval;
  std::optional<MultiLabelResult> multi_label;

  /// The figure that decides which model is best; 0 before the first validation.
  double score() const;
  /// All figures by name: loss, top1, top5, ece; or recall\@1, recall\@2, … and map\@r; or loss, map, f1, macro_f1.
  std::vector<std::pair<std::string, double>> metrics() const;
};

/// Measures a network on a validation set again and again.
class Validator {
 public:
  /// @param dataset must outlive it
  /// @param loader each process' part of the data set, by LoaderOptions::rank and world
  /// @throws UsageError for options that do not fit, as a data set of one image for kRecallAt1; InputError when not one
  ///         image can be read, which an epoch of training would come before
  Validator(const Dataset& dataset, const LoaderOptions& loader, const ValidationOptions& options);

  /// Of the whole data set, which the processes share: each looks at its part, and all get the same result.
  ValidationResult run(ClassifierImpl& model, torch::Device device, Precision precision, Communicator& ranks);

 private:
  ValidationOptions options_;
  Preprocessing preprocessing_;
  Loader loader_;
};

}  // namespace assemble
