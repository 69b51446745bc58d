// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "assemble/deploy/array.h"

namespace assemble {

/// Measures of a classifier of images for which any number of classes may be right; shares are in [0, 1].
///
/// A class's average precision is Σ_k (R_k - R_{k-1}) · P_k over the distinct logits k from the highest, with precision
/// P_k and recall R_k of all images at or above it: scikit-learn's average_precision_score. Precision, recall and F1
/// are those of the classes whose probability σ(logit) is at least ½.
struct MultiLabelResult {
  struct ClassMeasures {
    int64_t images = 0;            ///< for which it is right
    double average_precision = 0;  ///< NaN where there are none
    double precision = 0;          ///< NaN where it was never predicted
    double recall = 0;             ///< NaN where `images` is 0
    double f1 = 0;                 ///< NaN where `images` is 0 and it was never predicted
  };

  int64_t images = 0;
  double map = 0;                            ///< mean of the classes' average precisions, those without images left out
  double precision = 0, recall = 0, f1 = 0;  ///< of all classes' decisions together (micro); 0 where undefined
  double macro_f1 = 0;                       ///< mean of the classes' F1, those without images left out
  double exact = 0;                          ///< share of the images with every class decided right
  double loss = 0;  ///< mean over images and classes of the binary cross-entropy, infinite where a logit is not finite
  std::vector<ClassMeasures> classes;
};

/// Collects logits, 5 bytes an image and class.
class MultiLabelMeter {
 public:
  explicit MultiLabelMeter(int64_t classes) : classes_(classes) {}
  /// Logits that are not finite rank last and are decided as no. @param logits [N, classes]
  /// @param targets N · classes values, above 0 where the class is right
  void add(const Matrix& logits, std::span<const float> targets);
  /// What was added, for add_part() of another process' meter of as many classes.
  std::string part() const;
  /// @throws InputError where it is not as part() wrote it
  void add_part(const std::string& bytes, const std::string& where);
  /// @throws InputError when no image was added, and when no image has a class
  MultiLabelResult result() const;

 private:
  int64_t images() const { return static_cast<int64_t>(right_.size()) / classes_; }
  MultiLabelResult::ClassMeasures measures_of(int64_t label) const;

  int64_t classes_;
  std::vector<float> logits_;
  std::vector<uint8_t> right_;
};

/// The result as `eval` prints it.
nlohmann::ordered_json to_json(const MultiLabelResult& result, const std::vector<std::string>& class_names);
std::string to_text(const MultiLabelResult& result, const std::vector<std::string>& class_names);

}  // namespace assemble
