// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/classification.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "assemble/core/error.h"
#include "assemble/core/progress.h"
#include "assemble/core/text.h"
#include "assemble/nn/eval_mode.h"

namespace assemble {
namespace {

constexpr int64_t kTop = 5;
constexpr size_t kLargestConfusionTable = 24;

std::string percent(double share) { return format_number(100 * share, 2) + " %"; }

/// Summed over the images.
double total_loss(const torch::Tensor& logits, const torch::Tensor& labels, LossType loss) {
  if (loss == LossType::kSigmoid) {
    const torch::Tensor truth = torch::one_hot(labels, logits.size(1)).to(torch::kFloat32);
    return torch::binary_cross_entropy_with_logits(logits, truth, {}, {}, at::Reduction::Sum).item<double>();
  }
  return torch::nn::functional::cross_entropy(logits, labels,
                                              torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum))
      .item<double>();
}

std::string confusion_table(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  std::vector<std::vector<std::string>> rows{{"true \\ predicted"}};
  for (size_t c = 0; c < class_names.size(); ++c) rows[0].push_back(std::to_string(c));
  for (size_t t = 0; t < class_names.size(); ++t) {
    rows.push_back({concat(t, " ", class_names[t])});
    for (const int64_t count : result.confusion[t]) rows.back().push_back(std::to_string(count));
  }
  return "\nConfusion (images):\n" + format_table(rows);
}

}  // namespace

double ClassificationResult::class_accuracy(size_t label) const {
  const std::vector<int64_t>& row = confusion.at(label);
  const int64_t total = std::accumulate(row.begin(), row.end(), int64_t{0});
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(row[label]) / static_cast<double>(total);
}

ClassificationMeter::ClassificationMeter(int64_t classes, LossType loss) : loss_(loss) {
  sums_.confusion.assign(static_cast<size_t>(classes), std::vector<int64_t>(static_cast<size_t>(classes), 0));
}

void ClassificationMeter::add(const torch::Tensor& logits, const torch::Tensor& labels) {
  torch::NoGradGuard no_grad;
  const torch::Tensor logits_f32 = logits.to(torch::kCPU, torch::kFloat32);
  const torch::Tensor truth = labels.to(torch::kCPU).contiguous();
  const torch::Tensor finite = logits_f32.isfinite().all(1);
  if (const int64_t usable = finite.sum().item<int64_t>(); usable < truth.size(0)) {
    add_unusable(truth.size(0) - usable);
    if (usable > 0) add(logits_f32.index({finite}), truth.index({finite}));
    return;
  }
  sums_.loss += total_loss(logits_f32, truth, loss_);
  const int64_t top = std::min<int64_t>(kTop, logits_f32.size(1));
  // By the logits: probabilities near 1 may be equal where logits are not.
  const torch::Tensor best = std::get<1>(logits_f32.topk(top, 1)).contiguous();
  const torch::Tensor confidence = to_probabilities(logits_f32, loss_).gather(1, best).contiguous();
  for (int64_t i = 0; i < truth.size(0); ++i) {
    const int64_t label = truth.data_ptr<int64_t>()[i];
    const int64_t* predicted = best.data_ptr<int64_t>() + i * top;
    const bool correct = predicted[0] == label;
    sums_.top1 += correct;
    sums_.top5 += std::find(predicted, predicted + top, label) != predicted + top;
    ++sums_.confusion[static_cast<size_t>(label)][static_cast<size_t>(predicted[0])];
    calibration_.add(confidence.data_ptr<float>()[i * top], correct);
    ++sums_.images;
  }
}

void ClassificationMeter::add_unusable(int64_t images) {
  sums_.images += images;
  sums_.loss = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < images; ++i) calibration_.add(1, false);
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
    sums_.loss += json.at("loss").get<double>();
  } catch (const std::exception& error) {
    throw InputError(where, concat("sums of an evaluation are not as expected: ", error.what()));
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

torch::Tensor image_tensor(const Batch& batch, torch::Device device) {
  // NHWC floats are the memory of a channels_last NCHW tensor; from_blob does not write.
  float* pixels = const_cast<float*>(batch.images.data());
  return torch::from_blob(pixels, {batch.size * batch.views, batch.side, batch.side, 3})
      .permute({0, 3, 1, 2})
      .to(device);
}

torch::Tensor average_views(const torch::Tensor& logits, int64_t views, LossType loss) {
  if (views == 1) return logits;
  const torch::Tensor logits_f32 = logits.to(torch::kFloat32);
  const auto log_of_sum = [&](const torch::Tensor& log_probabilities) {
    return log_probabilities.reshape({-1, views, logits.size(1)}).logsumexp(1);
  };
  if (loss == LossType::kSigmoid) {
    return log_of_sum(torch::log_sigmoid(logits_f32)) - log_of_sum(torch::log_sigmoid(-logits_f32));
  }
  return log_of_sum(torch::log_softmax(logits_f32, 1)) - std::log(static_cast<double>(views));
}

std::string name_of(const Loader& loader, const Batch& batch, int64_t row) {
  return loader.dataset().read(batch.indices[static_cast<size_t>(row / batch.views)]).name;
}

namespace {

/// @param check called with the logits of each batch
template <typename Check>
ClassificationMeter measure(const Network& network, const Outputs& outputs, Loader& loader, const std::string& progress,
                            const Check& check) {
  const torch::NoGradGuard no_grad;
  ClassificationMeter meter(outputs.classes, outputs.loss);
  std::optional<Progress> bar;
  if (!progress.empty()) bar.emplace(progress, loader.images(), "images");
  Batch batch;
  loader.start(0);
  while (loader.next(batch)) {
    const torch::Tensor labels = torch::from_blob(batch.labels.data(), {batch.size}, torch::kLong);
    const torch::Tensor logits = network(image_tensor(batch, torch::kCPU));
    check(logits, batch);
    meter.add(average_views(logits, batch.views, outputs.loss), labels);
    if (bar) bar->advance(batch.size);
  }
  return meter;
}

}  // namespace

ClassificationMeter evaluate_part(const Network& network, const Outputs& outputs, Loader& loader,
                                  const std::string& progress) {
  return measure(network, outputs, loader, progress, [&](const torch::Tensor& logits, const Batch& batch) {
    require_finite(logits, outputs.network, [&](int64_t row) { return name_of(loader, batch, row); });
  });
}

ClassificationResult evaluate(const Network& network, const Outputs& outputs, Loader& loader,
                              const std::string& progress) {
  return evaluate_part(network, outputs, loader, progress).result();
}

ClassificationResult evaluate(ClassifierImpl& model, Loader& loader, torch::Device device, Precision precision) {
  const nn::EvalMode evaluating(model);
  const auto network = [&](const torch::Tensor& images) {
    const AutocastGuard autocast(device, precision);
    return model.forward(images.to(device));
  };
  const ClassifierOptions& options = model.options();
  const LossType loss = options.sigmoid_loss ? LossType::kSigmoid : LossType::kSoftmax;
  const Outputs outputs{options.classes, loss, model.arch().str()};
  return measure(network, outputs, loader, "", [](const torch::Tensor&, const Batch&) {}).result();
}

nlohmann::ordered_json to_json(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  nlohmann::ordered_json json{{"images", result.images},
                              {"top1", result.top1},
                              {"top5", result.top5},
                              {"ece", result.ece},
                              {"loss", result.loss}};
  nlohmann::ordered_json& per_class = json["class_accuracy"];
  for (size_t c = 0; c < class_names.size(); ++c) per_class[class_names[c]] = result.class_accuracy(c);
  json["classes"] = class_names;
  json["confusion"] = result.confusion;
  return json;
}

std::string to_text(const ClassificationResult& result, const std::vector<std::string>& class_names) {
  std::string text = format_table({{"images", "top-1", "top-5", "ECE", "loss"},
                                   {std::to_string(result.images), percent(result.top1), percent(result.top5),
                                    format_number(result.ece, 4), format_number(result.loss, 4)}});
  std::vector<std::vector<std::string>> rows{{"class", "images", "accuracy"}};
  for (size_t c = 0; c < class_names.size(); ++c) {
    const std::vector<int64_t>& row = result.confusion[c];
    const int64_t images = std::accumulate(row.begin(), row.end(), int64_t{0});
    rows.push_back({class_names[c], std::to_string(images), images == 0 ? "-" : percent(result.class_accuracy(c))});
  }
  text += "\n" + format_table(rows);
  if (class_names.size() <= kLargestConfusionTable) text += confusion_table(result, class_names);
  return text;
}

}  // namespace assemble
