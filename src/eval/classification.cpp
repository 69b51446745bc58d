// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/classification.h"
#include "assemble/data/imagenet_classes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/finite.h"
#include "assemble/core/json.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "percent.h"

namespace assemble {
namespace {

constexpr int64_t kTop = 5;
constexpr size_t kLargestConfusionTable = 24;

std::string confusion_table(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  std::vector<std::vector<std::string>> rows{{"true \\ predicted"}};
  for (size_t c = 0; c < class_names.size(); ++c) rows[0].push_back(std::to_string(c));
  for (size_t t = 0; t < class_names.size(); ++t) {
    rows.push_back({concat(t, " ", shown_class(class_names[t]))});
    for (const int64_t count : result.confusion[t]) rows.back().push_back(std::to_string(count));
  }
  return "\nConfusion (images):\n" + format_table(rows);
}

/// Mean of a measure over the classes that have one.
template <typename Measure>
double mean_of_classes(size_t classes, const Measure& measure) {
  double sum = 0;
  int64_t measured = 0;
  for (size_t c = 0; c < classes; ++c) {
    const double value = measure(c);
    if (std::isnan(value)) continue;
    sum += value;
    ++measured;
  }
  return sum / static_cast<double>(measured);
}

}  // namespace

double ClassificationResult::class_accuracy(size_t label) const {
  const std::vector<int64_t>& row = confusion.at(label);
  const int64_t total = std::accumulate(row.begin(), row.end(), int64_t{0});
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(row[label]) / static_cast<double>(total);
}

double ClassificationResult::class_precision(size_t label) const {
  int64_t predicted = 0;
  for (const std::vector<int64_t>& row : confusion) predicted += row.at(label);
  if (predicted == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(confusion[label][label]) / static_cast<double>(predicted);
}

double ClassificationResult::class_f1(size_t label) const {
  const double recall = class_accuracy(label), precision = class_precision(label);
  return recall > 0 ? 2 * recall * precision / (recall + precision) : recall;
}

double ClassificationResult::balanced_accuracy() const {
  return mean_of_classes(confusion.size(), [&](size_t label) { return class_accuracy(label); });
}

double ClassificationResult::macro_f1() const {
  return mean_of_classes(confusion.size(), [&](size_t label) { return class_f1(label); });
}

ClassificationMeter::ClassificationMeter(int64_t classes, LossType loss) : loss_(loss) {
  sums_.confusion.assign(static_cast<size_t>(classes), std::vector<int64_t>(static_cast<size_t>(classes), 0));
}

void ClassificationMeter::add(std::span<const float> logits, int64_t label) {
  ++sums_.images;
  if (!all_finite(logits)) {
    sums_.loss = std::numeric_limits<double>::infinity();
    calibration_.add(1, false);
    return;
  }
  const auto truth = static_cast<size_t>(label);
  std::vector<double> logs(logits.size()), others(loss_ == LossType::kSigmoid ? logits.size() : 0);
  log_probabilities(logits, loss_, logs, others);
  sums_.loss -= logs[truth];
  if (loss_ == LossType::kSigmoid) sums_.loss -= std::accumulate(others.begin(), others.end(), -others[truth]);
  // By the logits: probabilities near 1 may be equal where logits are not.
  const std::vector<int64_t> best = best_classes(logits, kTop);
  const bool correct = best[0] == label;
  sums_.top1 += correct;
  sums_.top5 += std::find(best.begin(), best.end(), label) != best.end();
  ++sums_.confusion[truth][static_cast<size_t>(best[0])];
  // Rounded to f32, as networks give probabilities, so that a confidence on a border of two bins stays on it.
  calibration_.add(static_cast<double>(static_cast<float>(std::exp(logs[static_cast<size_t>(best[0])]))), correct);
}

void ClassificationMeter::add(const Matrix& logits, std::span<const int64_t> labels) {
  for (int64_t i = 0; i < logits.rows; ++i) add(logits.row(i), labels[static_cast<size_t>(i)]);
}

std::string ClassificationMeter::sums() const {
  nlohmann::json bins = nlohmann::json::array();
  for (const CalibrationMeter::Bin& bin : calibration_.bins()) {
    bins.push_back({bin.count, bin.confidence, bin.correct});
  }
  return nlohmann::json{{"images", sums_.images}, {"top1", sums_.top1}, {"top5", sums_.top5},
                        {"loss", sums_.loss},     {"bins", bins},       {"confusion", sums_.confusion}}
      .dump();
}

void ClassificationMeter::add_sums(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    const auto confusion = json.at("confusion").get<std::vector<std::vector<int64_t>>>();
    std::vector<CalibrationMeter::Bin> bins;
    for (const auto& bin : json.at("bins")) bins.push_back({bin.at(0), bin.at(1), bin.at(2)});
    calibration_.add(bins);
    for (size_t t = 0; t < sums_.confusion.size(); ++t) {
      for (size_t p = 0; p < sums_.confusion.size(); ++p) sums_.confusion[t][p] += confusion.at(t).at(p);
    }
    sums_.images += json.at("images").get<int64_t>();
    sums_.top1 += json.at("top1").get<double>();
    sums_.top5 += json.at("top5").get<double>();
    // JSON has no infinity: it is written as null.
    const auto& loss = json.at("loss");
    sums_.loss += loss.is_null() ? std::numeric_limits<double>::infinity() : loss.get<double>();
  } catch (const std::exception& error) {
    throw InputError(where, concat("sums of an evaluation are not as expected: ", json_problem(error)));
  }
}

ClassificationResult ClassificationMeter::result() const {
  if (sums_.images == 0) throw InputError("evaluation", "not one image could be read", "see the warnings above");
  ClassificationResult result = sums_;
  const double images = static_cast<double>(result.images);
  result.top1 /= images;
  result.top5 /= images;
  result.loss /= images;
  result.ece = calibration_.error();
  result.reliability = calibration_.bins();
  return result;
}

namespace {

/// ln Σ exp over an image's views of what `log_of` writes for one view, a value a class.
template <typename LogOf>
std::vector<double> log_of_sum(const Matrix& logits, int64_t first, int64_t views, const LogOf& log_of) {
  const auto classes = static_cast<size_t>(logits.columns);
  std::vector<double> largest(classes, -std::numeric_limits<double>::infinity()), sums(classes);
  std::vector<std::vector<double>> logs(static_cast<size_t>(views), std::vector<double>(classes));
  for (int64_t v = 0; v < views; ++v) {
    std::vector<double>& of_view = logs[static_cast<size_t>(v)];
    log_of(logits.row(first + v), of_view);
    for (size_t c = 0; c < classes; ++c) largest[c] = std::max(largest[c], of_view[c]);
  }
  for (const std::vector<double>& of_view : logs) {
    for (size_t c = 0; c < classes; ++c) sums[c] += std::exp(of_view[c] - largest[c]);
  }
  for (size_t c = 0; c < classes; ++c) sums[c] = largest[c] + std::log(sums[c]);
  return sums;
}

}  // namespace

Matrix average_views(Matrix logits, int64_t views, LossType loss) {
  if (views == 1) return logits;
  Matrix averaged(logits.rows / views, logits.columns);
  std::vector<double> unused(static_cast<size_t>(logits.columns));
  for (int64_t i = 0; i < averaged.rows; ++i) {
    std::vector<double> logs = log_of_sum(logits, i * views, views, [&](auto row, std::vector<double>& of_view) {
      log_probabilities(row, loss, of_view);
    });
    if (loss == LossType::kSigmoid) {
      const auto others = log_of_sum(logits, i * views, views, [&](auto row, std::vector<double>& of_view) {
        log_probabilities(row, loss, unused, of_view);
      });
      for (size_t c = 0; c < logs.size(); ++c) logs[c] -= others[c];
    } else {
      for (double& log : logs) log -= std::log(static_cast<double>(views));
    }
    std::ranges::transform(logs, averaged.row(i).begin(), [](double log) { return static_cast<float>(log); });
  }
  return averaged;
}

void for_each_batch(const Network& network, const Outputs& outputs, Loader& loader, const std::string& progress,
                    NotFinite not_finite, const std::function<void(Batch& batch, Matrix& logits)>& see) {
  std::optional<Progress> bar;
  if (!progress.empty()) bar.emplace(progress, loader.images(), "images");
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    Matrix logits = network(images_of(batch));
    if (not_finite == NotFinite::kError) {
      require_finite(logits, outputs.network, [&](int64_t row) { return name_of(batch, row); });
    }
    logits = average_views(std::move(logits), batch.views, outputs.loss);
    see(batch, logits);
    if (bar) bar->advance(batch.size);
  }
}

ClassificationMeter evaluate_part(const Network& network, const Outputs& outputs, Loader& loader,
                                  const std::string& progress, NotFinite not_finite, const EvaluationWatch& watch) {
  ClassificationMeter meter(outputs.classes, outputs.loss);
  for_each_batch(network, outputs, loader, progress, not_finite, [&](const Batch& batch, const Matrix& logits) {
    meter.add(logits, batch.labels);
    if (watch) watch(batch, logits);
  });
  return meter;
}

ClassificationResult evaluate(const Network& network, const Outputs& outputs, Loader& loader,
                              const std::string& progress, NotFinite not_finite) {
  return evaluate_part(network, outputs, loader, progress, not_finite).result();
}

nlohmann::ordered_json to_json(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  nlohmann::ordered_json json{{"images", result.images},      {"top1", result.top1},
                              {"top5", result.top5},          {"ece", result.ece},
                              {"loss", result.loss},          {"balanced_accuracy", result.balanced_accuracy()},
                              {"macro_f1", result.macro_f1()}};
  nlohmann::ordered_json& per_class = json["class_accuracy"];
  for (size_t c = 0; c < class_names.size(); ++c) per_class[class_names[c]] = result.class_accuracy(c);
  nlohmann::ordered_json &precision = json["class_precision"], &f1 = json["class_f1"];
  for (size_t c = 0; c < class_names.size(); ++c) {
    precision[class_names[c]] = result.class_precision(c);
    f1[class_names[c]] = result.class_f1(c);
  }
  json["classes"] = class_names;
  for (const std::string& name : class_names) {
    const auto readable = readable_name(name);
    if (!readable.empty()) json["readable_names"][name] = readable;
  }
  json["confusion"] = result.confusion;
  return json;
}

std::string to_text(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  std::string text = format_table(
      {{"images", "top-1", "top-5", "balanced", "ECE", "loss"},
       {std::to_string(result.images), percent_or_dash(result.top1), percent_or_dash(result.top5),
        percent_or_dash(result.balanced_accuracy()), format_number(result.ece, 4), format_number(result.loss, 4)}});
  std::vector<std::vector<std::string>> rows{{"class", "images", "accuracy", "precision", "F1"}};
  for (size_t c = 0; c < class_names.size(); ++c) {
    const std::vector<int64_t>& row = result.confusion[c];
    const int64_t images = std::accumulate(row.begin(), row.end(), int64_t{0});
    rows.push_back({shown_class(class_names[c]), std::to_string(images), percent_or_dash(result.class_accuracy(c)),
                    percent_or_dash(result.class_precision(c)), percent_or_dash(result.class_f1(c))});
  }
  text += "\n" + format_table(rows);
  if (class_names.size() <= kLargestConfusionTable) text += confusion_table(result, class_names);
  return text;
}

}  // namespace assemble
