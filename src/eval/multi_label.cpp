// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/multi_label.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "percent.h"

namespace assemble {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : kNone;
}

double or_zero(double value) { return std::isnan(value) ? 0 : value; }

double binary_cross_entropy(float logit, bool right) {
  if (!std::isfinite(logit)) return std::numeric_limits<double>::infinity();
  const double x = right ? -logit : logit;  // ln(1 + e^x), which does not overflow so
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

/// Mean of a measure over the classes that have images.
double mean_over(const std::vector<MultiLabelResult::ClassMeasures>& classes,
                 double MultiLabelResult::ClassMeasures::*measure) {
  double sum = 0;
  int64_t measured = 0;
  for (const auto& of_class : classes) {
    if (of_class.images == 0) continue;
    sum += of_class.*measure;
    ++measured;
  }
  return sum / static_cast<double>(measured);
}

}  // namespace

void MultiLabelMeter::add(const Matrix& logits, std::span<const float> targets) {
  for (const float logit : logits.values) {
    logits_.push_back(std::isfinite(logit) ? logit : -std::numeric_limits<float>::infinity());
  }
  for (const float target : targets) right_.push_back(target > 0 ? 1 : 0);
}

std::string MultiLabelMeter::part() const {
  std::string bytes(logits_.size() * sizeof(float) + right_.size(), '\0');
  std::memcpy(bytes.data(), logits_.data(), logits_.size() * sizeof(float));
  std::copy(right_.begin(), right_.end(), bytes.begin() + static_cast<std::ptrdiff_t>(logits_.size() * sizeof(float)));
  return bytes;
}

void MultiLabelMeter::add_part(const std::string& bytes, const std::string& where) {
  const size_t row = static_cast<size_t>(classes_) * (sizeof(float) + 1);
  if (bytes.size() % row != 0) throw InputError(where, "logits of an evaluation are cut off");
  const size_t count = bytes.size() / (sizeof(float) + 1), before = logits_.size();
  logits_.resize(before + count);
  std::memcpy(logits_.data() + before, bytes.data(), count * sizeof(float));
  right_.insert(right_.end(), bytes.end() - static_cast<std::ptrdiff_t>(count), bytes.end());
}

MultiLabelResult::ClassMeasures MultiLabelMeter::measures_of(int64_t label) const {
  const auto place = [&](int64_t image) { return static_cast<size_t>(image * classes_ + label); };
  const auto logit = [&](int64_t image) { return logits_[place(image)]; };
  std::vector<int64_t> order(static_cast<size_t>(images()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(), logit);
  MultiLabelResult::ClassMeasures measures;
  int64_t hits = 0, hits_before = 0, predicted = 0, found = 0;
  double precision_sum = 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const bool right = right_[place(order[k])] != 0;
    hits += right;
    if (logit(order[k]) >= 0) ++predicted, found += right;
    const bool last_of_equals = k + 1 == order.size() || logit(order[k + 1]) < logit(order[k]);
    if (!last_of_equals) continue;
    precision_sum += static_cast<double>(hits - hits_before) * ratio(hits, static_cast<int64_t>(k) + 1);
    hits_before = hits;
  }
  measures.images = hits;
  measures.average_precision = hits > 0 ? precision_sum / static_cast<double>(hits) : kNone;
  measures.precision = ratio(found, predicted);
  measures.recall = ratio(found, hits);
  measures.f1 = ratio(2 * found, predicted + hits);
  return measures;
}

MultiLabelResult MultiLabelMeter::result() const {
  if (right_.empty()) throw InputError("evaluation", "not one image could be read", "see the warnings above");
  MultiLabelResult result;
  result.images = images();
  for (int64_t label = 0; label < classes_; ++label) result.classes.push_back(measures_of(label));
  int64_t found = 0, predicted = 0, right = 0, exact = 0;
  for (int64_t i = 0; i < result.images; ++i) {
    bool all_right = true;
    for (auto place = static_cast<size_t>(i * classes_); place < static_cast<size_t>((i + 1) * classes_); ++place) {
      const bool is_right = right_[place] != 0, is_predicted = logits_[place] >= 0;
      found += is_right && is_predicted;
      predicted += is_predicted;
      right += is_right;
      all_right = all_right && is_right == is_predicted;
      result.loss += binary_cross_entropy(logits_[place], is_right);
    }
    exact += all_right;
  }
  if (right == 0) throw InputError("evaluation", "no class is right for any image", "are these the labels?");
  result.loss /= static_cast<double>(right_.size());
  result.exact = ratio(exact, result.images);
  result.precision = or_zero(ratio(found, predicted));
  result.recall = ratio(found, right);
  result.f1 = ratio(2 * found, predicted + right);
  result.map = mean_over(result.classes, &MultiLabelResult::ClassMeasures::average_precision);
  result.macro_f1 = mean_over(result.classes, &MultiLabelResult::ClassMeasures::f1);
  return result;
}

nlohmann::ordered_json to_json(const MultiLabelResult& result, const std::vector<std::string>& class_names) {
  nlohmann::ordered_json json{{"images", result.images},     {"map", result.map},  {"precision", result.precision},
                              {"recall", result.recall},     {"f1", result.f1},    {"macro_f1", result.macro_f1},
                              {"exact_match", result.exact}, {"loss", result.loss}};
  for (size_t c = 0; c < class_names.size(); ++c) {
    const MultiLabelResult::ClassMeasures& of_class = result.classes[c];
    json["class_images"][class_names[c]] = of_class.images;
    json["class_average_precision"][class_names[c]] = of_class.average_precision;
    json["class_precision"][class_names[c]] = of_class.precision;
    json["class_recall"][class_names[c]] = of_class.recall;
    json["class_f1"][class_names[c]] = of_class.f1;
  }
  json["classes"] = class_names;
  return json;
}

std::string to_text(const MultiLabelResult& result, const std::vector<std::string>& class_names) {
  std::string text =
      format_table({{"images", "mAP", "precision", "recall", "F1", "macro F1", "all right", "loss"},
                    {std::to_string(result.images), percent_or_dash(result.map), percent_or_dash(result.precision),
                     percent_or_dash(result.recall), percent_or_dash(result.f1), percent_or_dash(result.macro_f1),
                     percent_or_dash(result.exact), format_number(result.loss, 4)}});
  std::vector<std::vector<std::string>> rows{{"class", "images", "average precision", "precision", "recall", "F1"}};
  for (size_t c = 0; c < class_names.size(); ++c) {
    const MultiLabelResult::ClassMeasures& of_class = result.classes[c];
    rows.push_back({shown_class(class_names[c]), std::to_string(of_class.images),
                    percent_or_dash(of_class.average_precision), percent_or_dash(of_class.precision),
                    percent_or_dash(of_class.recall), percent_or_dash(of_class.f1)});
  }
  return text + "\n" + format_table(rows);
}

}  // namespace assemble
