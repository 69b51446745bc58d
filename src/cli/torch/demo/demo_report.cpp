// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/text.h"
#include "assemble/data/corrupted_dataset.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/image/preprocess.h"
#include "assemble/report/report.h"
#include "assemble/train/run_folder.h"
#include "robustness/robustness.h"
#include "torch/demo/demo.h"

namespace assemble::cli {
namespace {

constexpr int kShownSeverity = 3;
constexpr int64_t kShownImages = 20;

std::string percent(double share) { return format_number(100 * share, 2) + " %"; }

/// One sentence part a network, joined as people read them.
template <typename Part>
std::string of_each(const DemoResult& result, Part&& part) {
  std::vector<std::string> parts;
  for (const DemoNetwork& network : result.networks) parts.push_back(part(network));
  return join(parts, ", ");
}

std::string what_was_done(const DemoResult& result) {
  const DemoNetwork& first = result.networks.front();
  const Dataset& validation = *result.validation;
  return concat("Networks trained from scratch on the same drawn images, with the same recipe and seed, for ",
                result.epochs, " epochs; they differ in their architecture alone: ",
                of_each(result, [](const DemoNetwork& n) { return n.name + " (" + n.arch() + ")"; }),
                ". The images are textured shapes on busy backgrounds, ", first.card.preprocessing.eval_size,
                " pixels wide, in ", validation.classes(), " classes: ", result.train_images, " to train on and ",
                validation.size(), " to validate with. All figures are those of the weights after the last epoch.");
}

std::string what_came_out(const DemoResult& result) {
  const auto images = static_cast<double>(result.validation->size());
  double deviation = 0;
  for (const DemoNetwork& network : result.networks) {
    const double top1 = network.measures().top1;
    deviation = std::max(deviation, std::sqrt(top1 * (1 - top1) / images));
  }
  const auto top1 = [](const DemoNetwork& n) { return n.name + " " + percent(n.measures().top1); };
  const auto error = [](const DemoNetwork& n) {
    return n.name + " " + number_or_dash(n.corruption_scores.unnormalised_15, 2) + " %";
  };
  return concat("Right on the validation images: ", of_each(result, top1), ". Wrong when ",
                result.corrupted.dataset->size(), " of them are corrupted in ",
                result.corrupted.options.corruptions.size(), " ways and ", result.corrupted.options.severities.size(),
                " severities: ", of_each(result, error),
                ". It is one run on few images: the accuracies have a standard error of about ",
                format_number(100 * deviation, 1), " points, and other seeds give other networks.");
}

std::vector<Prediction> classify(const DemoNetwork& network, const std::vector<Sample>& samples, ThreadPool& pool) {
  const auto prepare = [&](int64_t i, std::span<float> input) {
    const Sample& sample = samples[static_cast<size_t>(i)];
    preprocess_eval(sample.encoded, sample.name, network.card.preprocessing, input);
  };
  return classify_batch(network.measured().network, network.card, static_cast<int64_t>(samples.size()), prepare,
                        /*top=*/1, pool);
}

/// @param descriptions one a sample; empty: the class
std::vector<ClassifiedImage> classified(const DemoResult& result, const std::vector<Sample>& samples,
                                        const std::vector<std::string>& descriptions = {}) {
  ThreadPool pool(available_cores());
  std::vector<ClassifiedImage> images;
  for (const Sample& sample : samples) {
    const std::string& name = result.validation->class_names()[static_cast<size_t>(sample.label)];
    images.push_back(
        {sample.encoded, descriptions.empty() ? shown_class(name) : descriptions[images.size()], name, {}});
  }
  for (const DemoNetwork& network : result.networks) {
    const std::vector<Prediction> predictions = classify(network, samples, pool);
    for (size_t i = 0; i < images.size(); ++i) images[i].predictions.push_back(predictions[i]);
  }
  return images;
}

Gallery clean_gallery(const DemoResult& result) {
  const EvenlySpread shown(*result.validation, std::min(kShownImages, result.validation->size()));
  std::vector<Sample> samples;
  for (int64_t i = 0; i < shown.size(); ++i) samples.push_back(shown.read(i));
  return {
      "Validation images",
      "Spread evenly over the validation images, not picked: the right class, then what each network takes the image "
      "for and how sure it is.",
      classified(result, samples)};
}

/// One image under every corruption, as the networks were measured on.
Gallery corrupted_gallery(const DemoResult& result) {
  const Dataset& dataset = *result.corrupted.dataset;
  CorruptSetOptions options = result.corrupted.options;
  options.severities = {kShownSeverity};
  std::vector<Sample> samples;
  for (const std::string& corruption : options.corruptions) {
    samples.push_back(CorruptedDataset(dataset, corruption, options).read(dataset.size() / 2));
  }
  const std::string& name = dataset.class_names()[static_cast<size_t>(samples.front().label)];
  return {"One image under each corruption",
          concat("A ", shown_class(name), " at severity ", kShownSeverity, " of ", kCorruptionSeverities,
                 ", and what each network takes it for."),
          classified(result, samples, options.corruptions)};
}

ComparedNetwork compared(const DemoNetwork& network) {
  ComparedNetwork compared{network.name, {}, network.measures(), network.corruptions, network.perturbations};
  for (const EpochSummary& row : read_summary(network.run)) {
    const auto top1 = std::find_if(row.validation.begin(), row.validation.end(),
                                   [](const auto& figure) { return figure.first == "top1"; });
    if (top1 != row.validation.end()) compared.training.push_back({row.epoch, row.train_loss, top1->second});
  }
  return compared;
}

}  // namespace

std::vector<std::vector<std::string>> demo_figures(const DemoResult& result) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&](const std::string& figure, auto&& value_of) {
    rows.push_back({figure});
    for (const DemoNetwork& network : result.networks) rows.back().push_back(value_of(network));
  };
  using Network = const DemoNetwork&;
  add("", [](Network n) { return n.name; });
  add("architecture", [](Network n) { return n.arch(); });
  add("parameters, M", [](Network n) { return format_number(1e-6 * static_cast<double>(n.cost.parameters), 2); });
  add("multiply-adds, M", [](Network n) { return format_number(1e-6 * static_cast<double>(n.cost.multiply_adds), 0); });
  add("top-1 %", [](Network n) { return format_number(100 * n.measures().top1, 2); });
  add("top-5 %", [](Network n) { return format_number(100 * n.measures().top5, 2); });
  add("ECE", [](Network n) { return format_number(n.measures().ece, 4); });
  add("error under corruptions %", [](Network n) { return number_or_dash(n.corruption_scores.unnormalised_15, 2); });
  add(concat("mCE (", result.networks.front().name, " = 100)"),
      [](Network n) { return number_or_dash(n.corruption_scores.mce_15, 2); });
  add("flips in sequences %", [](Network n) { return number_or_dash(n.perturbation_scores.unnormalised_fr, 2); });
  add(concat("mFR (", result.networks.front().name, " = 100)"),
      [](Network n) { return number_or_dash(n.perturbation_scores.mfr, 2); });
  add("training time", [](Network n) { return format_duration(n.training.seconds); });
  add("training, images/s", [](Network n) { return format_number(n.training.images_per_second, 0); });
  add("inference, images/s", [](Network n) { return format_number(n.inference_rate, 0); });
  return rows;
}

std::string demo_report(const DemoResult& result) {
  Comparison comparison{"A vanilla and an assembled network",
                        {what_was_done(result), what_came_out(result)},
                        demo_figures(result),
                        {},
                        corrupted_gallery(result),
                        clean_gallery(result)};
  for (const DemoNetwork& network : result.networks) comparison.networks.push_back(compared(network));
  return comparison_report(comparison);
}

}  // namespace assemble::cli
