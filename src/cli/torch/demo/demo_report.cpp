// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

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
  for (const DemoNetwork* network : {&result.networks.front(), &result.networks.back()}) {
    const std::vector<Prediction> predictions = classify(*network, samples, pool);
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
      "Spread evenly over the validation images, not picked: the right class, then what the first and the last network "
      "take the image for, and how sure they are.",
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
                 ", and what the first and the last network take it for."),
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

std::string what_was_done(const DemoResult& result) {
  const DemoNetwork& first = result.networks.front();
  const Dataset& validation = *result.validation;
  std::vector<int64_t> epochs;
  for (const DemoNetwork& network : result.networks) epochs.push_back(network.whole.epochs);
  const auto [fewest, most] = std::ranges::minmax(epochs);
  return concat("Networks trained from scratch on the same drawn images for ",
                fewest == most ? concat(most) : concat(fewest, " to ", most),
                " epochs, from the same seed. A rung changes one thing in the rung before and keeps the rest. The "
                "images are textured shapes on busy backgrounds, ",
                first.card.preprocessing.eval_size, " pixels wide, in ", validation.classes(),
                " classes: ", result.train_images, " to train on and ", validation.size(),
                " to validate with, which no training sees. Figures are those of the weights after the last epoch");
}

}  // namespace

LadderResult DemoResult::climbed() const {
  LadderResult climbed{
      .ladder = ladder,
      .trials = {},
      .data = what_was_done(*this),
      .measured_on = concat("Corruptions: ", corrupted.options.corruptions.size(), " at five severities of ",
                            corrupted.dataset->size(), " validation images. Flips: ", kOfficialPerturbations,
                            " kinds of sequences, ", sequences, " of each.")};
  for (const DemoNetwork& network : networks) {
    climbed.trials.push_back(network.parts);
    climbed.whole.push_back(network.whole);
  }
  return climbed;
}

std::string demo_report(const DemoResult& result) {
  return comparison_report({ladder_page(result.climbed()),
                            {compared(result.networks.front()), compared(result.networks.back())},
                            corrupted_gallery(result),
                            clean_gallery(result)});
}

}  // namespace assemble::cli
