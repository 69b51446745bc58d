// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "assemble/data/loader.h"
#include "assemble/eval/calibration.h"
#include "assemble/eval/network.h"

namespace assemble {

/// Measures of a classifier on labelled images; shares are in [0, 1].
struct ClassificationResult {
  int64_t images = 0;
  double top1 = 0;
  double top5 = 0;                              ///< among the min(5, classes) most probable
  double ece = 0;                               ///< of the probabilities that the network's loss makes; over 10 bins
  double loss = 0;                              ///< mean over the images of the loss that the network was trained with
  std::vector<std::vector<int64_t>> confusion;  ///< [true class][predicted class]
  std::vector<CalibrationMeter::Bin> reliability;

  /// Share of a class's images that were predicted right (its recall); NaN for a class without images.
  double class_accuracy(size_t label) const;
  /// Share of the predictions of a class that are right; NaN where there is none.
  double class_precision(size_t label) const;
  /// Harmonic mean of recall and precision; NaN for a class without images, 0 where none of them was found.
  double class_f1(size_t label) const;
  /// Mean of the classes' accuracies, and of their F1; classes without images left out.
  double balanced_accuracy() const;
  double macro_f1() const;
};

/// Adds up predictions batch by batch.
class ClassificationMeter {
 public:
  explicit ClassificationMeter(int64_t classes, LossType loss = LossType::kSoftmax);
  /// An image whose logits are not finite counts as wrong with full confidence, and makes the loss infinite; it is in
  /// no column of the confusion.
  void add(std::span<const float> logits, int64_t label);
  /// The same for many. @param logits [N, classes], with as many labels
  void add(const Matrix& logits, std::span<const int64_t> labels);
  /// Adds what another meter of as many classes counted, as sums() wrote it. Counts of parts add up to those of the
  /// whole exactly, mean loss and confidence but for rounding.
  /// @throws InputError for other text
  void add_sums(const std::string& text, const std::string& where);
  std::string sums() const;
  /// @throws InputError when no image was added
  ClassificationResult result() const;

 private:
  LossType loss_;
  ClassificationResult sums_;  // top1, top5 and loss hold sums
  CalibrationMeter calibration_;
};

/// What becomes of logits that are not finite.
enum class NotFinite {
  kError,  ///< RunError naming network and image
  kWrong,  ///< the image counts as wrong: until the running statistics of batch norms have settled, they may overflow
};

/// Sees the batches of an evaluation. @param logits [batch.size, classes], averaged over views and networks
using EvaluationWatch = std::function<void(const Batch& batch, const Matrix& logits)>;

/// Runs the network over an evaluation loader (its epoch 0) and shows each batch with its logits, [batch.size,
/// classes], of which those of an image's views are averaged.
/// @throws RunError as NotFinite says
void for_each_batch(const Network& network, const Outputs& outputs, Loader& loader, const std::string& progress,
                    NotFinite not_finite, const std::function<void(Batch& batch, Matrix& logits)>& see);

/// Runs the network over an evaluation loader (its epoch 0). Of several views of an image the probabilities are
/// averaged.
/// @param progress shown while it runs; empty for none
/// @throws RunError as NotFinite says; InputError when not one image could be read
ClassificationResult evaluate(const Network& network, const Outputs& outputs, Loader& loader,
                              const std::string& progress = "", NotFinite not_finite = NotFinite::kError);

/// The same, as sums to which those of other parts of the data set (LoaderOptions::rank) can be added.
ClassificationMeter evaluate_part(const Network& network, const Outputs& outputs, Loader& loader,
                                  const std::string& progress = "", NotFinite not_finite = NotFinite::kError,
                                  const EvaluationWatch& watch = {});

/// Logits [N, classes] whose probabilities are the means over an image's views.
/// @param logits [N · views, classes], the views of an image one after the other; returned as they are for one view
Matrix average_views(Matrix logits, int64_t views, LossType loss);

/// The result as `eval` prints it.
nlohmann::ordered_json to_json(const ClassificationResult& result, const std::vector<std::string>& class_names);
std::string to_text(const ClassificationResult& result, const std::vector<std::string>& class_names);

}  // namespace assemble
