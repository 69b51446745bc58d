// SPDX-License-Identifier: Apache-2.0
#include "torch/ablate/trial.h"

#include <algorithm>
#include <utility>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

std::optional<double> percent(double share) { return 100 * share; }

/// Mean over the corruptions of the set that were measured, times `factor`.
std::optional<double> mean_over(CorruptionSet set, const Trial& trial,
                                std::optional<double> (CorruptionResults::*of)(const std::string&) const,
                                double factor) {
  double sum = 0;
  int measured = 0;
  for (const std::string& name : corruption_names(set)) {
    if (!trial.corruptions.corruptions.contains(name)) continue;
    const std::optional<double> value = (trial.corruptions.*of)(name);
    if (!value) return std::nullopt;
    sum += *value;
    ++measured;
  }
  return measured > 0 ? std::optional(factor * sum / measured) : std::nullopt;
}

double figure(const EpochSummary& row, const std::string& name, const fs::path& run) {
  const auto found = std::ranges::find(row.validation, name, &Figures::value_type::first);
  if (found == row.validation.end()) {
    throw RunError(run.string(), concat("its evaluation has no ", name), "ladders compare classifiers");
  }
  return found->second;
}

CorruptionScores scores(const Trial& trial, const LadderBaseline& baseline) {
  return score_corruptions(trial.corruptions, baseline.corruptions);
}

/// Adds `part` of the values of a trial's map to the sums.
void add(std::map<std::string, double>& sums, const std::map<std::string, double>& values, double part) {
  for (const auto& [name, value] : values) sums[name] += part * value;
}

}  // namespace

Trial Trial::of(const TrainedNetwork& network, uint64_t seed) {
  const std::vector<EpochSummary> rows = read_summary(network.run);
  if (rows.empty()) throw RunError(network.run.string(), "nothing was evaluated");
  const EpochSummary& last = rows.back();
  Trial trial{.seed = seed,
              .epochs = last.epoch,
              .arch = network.arch(),
              .top1 = figure(last, "top1", network.run),
              .top5 = figure(last, "top5", network.run),
              .ece = figure(last, "ece", network.run),
              .seconds = last.seconds,
              .inference_rate = network.inference_rate,
              .cost = network.cost,
              .corruptions = network.corruptions,
              .perturbations = network.perturbations};
  double epochs_over_rates = 0;
  int64_t before = 0;
  for (const EpochSummary& row : rows) {
    epochs_over_rates += static_cast<double>(row.epoch - std::exchange(before, row.epoch)) / row.images_per_second;
    trial.peak_memory_mib = std::max(trial.peak_memory_mib, row.peak_memory_mib);
  }
  trial.training_rate = static_cast<double>(last.epoch) / epochs_over_rates;
  return trial;
}

ordered_json Trial::to_json() const {
  return {{"seed", seed},
          {"epochs", epochs},
          {"arch", arch},
          {"top1", top1},
          {"top5", top5},
          {"ece", ece},
          {"seconds", seconds},
          {"images_per_second", training_rate},
          {"inference_images_per_second", inference_rate},
          {"peak_memory_mib", peak_memory_mib},
          {"parameters", cost.parameters},
          {"multiply_adds", cost.multiply_adds},
          {"corruptions", assemble::to_json(corruptions)},
          {"perturbations", assemble::to_json(perturbations)}};
}

Trial Trial::from_json(const ordered_json& json, const std::string& where) {
  try {
    Trial trial;
    json.at("seed").get_to(trial.seed);
    json.at("epochs").get_to(trial.epochs);
    json.at("arch").get_to(trial.arch);
    json.at("top1").get_to(trial.top1);
    json.at("top5").get_to(trial.top5);
    json.at("ece").get_to(trial.ece);
    json.at("seconds").get_to(trial.seconds);
    json.at("images_per_second").get_to(trial.training_rate);
    json.at("inference_images_per_second").get_to(trial.inference_rate);
    json.at("peak_memory_mib").get_to(trial.peak_memory_mib);
    json.at("parameters").get_to(trial.cost.parameters);
    json.at("multiply_adds").get_to(trial.cost.multiply_adds);
    trial.corruptions = corruption_results_from_json(json.at("corruptions"), where);
    trial.perturbations = perturbation_results_from_json(json.at("perturbations"), where);
    return trial;
  } catch (const ordered_json::exception& error) {
    throw InputError(where, concat("is no result of `ablate`: ", json_problem(error)), "remove it: it is made anew");
  }
}

LadderBaseline LadderBaseline::of(const Trials& trials, const std::string& rung) {
  LadderBaseline mean{{.name = rung, .clean_error = {}, .errors = {}},
                      {.name = rung, .flip_probabilities = {}, .top5_distances = {}}};
  const double part = 1 / static_cast<double>(trials.size());
  for (const Trial& trial : trials) {
    add(mean.corruptions.errors, baseline_of(trial.corruptions, rung).errors, part);
    const PerturbationBaseline flips = baseline_of(trial.perturbations, rung);
    add(mean.perturbations.flip_probabilities, flips.flip_probabilities, part);
    add(mean.perturbations.top5_distances, flips.top5_distances, part);
  }
  return mean;
}

const std::vector<Measure>& measures() {
  using B = LadderBaseline;
  using Set = CorruptionSet;
  static const std::vector<Measure> all{
      {"top1", "top-1 %", 2, true, true, [](const Trial& t, const B&) { return percent(t.top1); }},
      {"top5", "top-5 %", 2, false, true, [](const Trial& t, const B&) { return percent(t.top5); }},
      {"ece", "ECE", 4, true, true, [](const Trial& t, const B&) { return std::optional(t.ece); }},
      {"corruption_error", "error under corruptions %", 2, true, true,
       [](const Trial& t, const B&) { return mean_over(Set::kC, t, &CorruptionResults::mean_error, 100); }},
      {"corruption_ece", "ECE under corruptions", 4, true, true,
       [](const Trial& t, const B&) { return mean_over(Set::kC, t, &CorruptionResults::mean_ece, 1); }},
      {"mce_15", "mCE-15", 1, true, true, [](const Trial& t, const B& b) { return scores(t, b).mce_15; }},
      {"mce_19", "mCE-19", 1, false, true, [](const Trial& t, const B& b) { return scores(t, b).mce_19; }},
      {"c_bar_error", "error under C-bar %", 2, true, true,
       [](const Trial& t, const B&) { return mean_over(Set::kCBar, t, &CorruptionResults::mean_error, 100); }},
      {"c_bar_ece", "ECE under C-bar", 4, false, true,
       [](const Trial& t, const B&) { return mean_over(Set::kCBar, t, &CorruptionResults::mean_ece, 1); }},
      {"mce_c_bar", "mCE of C-bar", 1, true, true, [](const Trial& t, const B& b) { return scores(t, b).mce_c_bar; }},
      {"flip_probability", "flips in sequences %", 2, false, true,
       [](const Trial& t, const B& b) {
         return score_perturbations(t.perturbations, b.perturbations).unnormalised_fr;
       }},
      {"mfr", "mFR", 1, true, true,
       [](const Trial& t, const B& b) { return score_perturbations(t.perturbations, b.perturbations).mfr; }},
      {"seconds", "training, s", 0, true, false, [](const Trial& t, const B&) { return std::optional(t.seconds); }},
      {"images_per_second", "training, images/s", 0, false, false,
       [](const Trial& t, const B&) { return std::optional(t.training_rate); }},
      {"inference_images_per_second", "inference, images/s", 0, true, false,
       [](const Trial& t, const B&) { return std::optional(t.inference_rate); }},
      {"parameters", "parameters, M", 2, false, false,
       [](const Trial& t, const B&) { return std::optional(1e-6 * static_cast<double>(t.cost.parameters)); }},
      {"multiply_adds", "multiply-adds, M", 0, false, false,
       [](const Trial& t, const B&) { return std::optional(1e-6 * static_cast<double>(t.cost.multiply_adds)); }},
      {"peak_memory_mib", "peak memory, MiB", 0, false, false,
       [](const Trial& t, const B&) { return std::optional(t.peak_memory_mib); }}};
  return all;
}

std::optional<std::vector<double>> values_of(const Measure& measure, const Trials& trials,
                                             const LadderBaseline& baseline) {
  std::vector<double> values;
  for (const Trial& trial : trials) {
    const std::optional<double> value = measure.of(trial, baseline);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

}  // namespace assemble::cli
