// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/perturbation_robustness.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/eval/measured_ensemble.h"
#include "frames.h"
#include "parts.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

constexpr int64_t kTop = 5;

std::optional<double> mean_of(const std::map<std::string, double>& values) {
  double sum = 0;
  for (size_t i = 0; i < kOfficialPerturbations; ++i) {
    const auto found = values.find(perturbation_names()[i]);
    if (found == values.end()) return std::nullopt;
    sum += found->second;
  }
  return sum / kOfficialPerturbations;
}

std::map<std::string, double> ratios(const std::map<std::string, double>& values,
                                     const std::map<std::string, double>& divisors) {
  std::map<std::string, double> result;
  for (const auto& [kind, value] : values) {
    const auto found = divisors.find(kind);
    if (found != divisors.end() && found->second > 0) result[kind] = 100 * value / found->second;
  }
  return result;
}

/// @param most may be infinite
double require_range(double value, double most, const std::string& where, const std::string& what) {
  // Not a number compares false.
  if (value >= 0 && value <= most && std::isfinite(value)) return value;
  throw InputError(where,
                   concat(what, " is ", value, ", expected ", std::isfinite(most) ? "a share in [0, 1]" : "0 or more"),
                   "expected what 'robustness p' measured");
}

double require_flips(double value, const std::string& where, const std::string& kind) {
  return require_range(value, 1, where, "flip probability of " + kind);
}

double require_distance(double value, const std::string& where, const std::string& kind) {
  return require_range(value, std::numeric_limits<double>::infinity(), where, "top-5 distance of " + kind);
}

/// Mean of `difference(reference frame, frame)` over the frames of a sequence.
template <typename Difference>
double mean_difference(int64_t frames, bool to_first, Difference&& difference) {
  double sum = 0;
  for (int64_t i = 1; i < frames; ++i) sum += difference(to_first ? 0 : i - 1, i);
  return frames > 1 ? sum / static_cast<double>(frames - 1) : 0;
}

}  // namespace

double flip_share(const Matrix& logits, bool to_first) {
  std::vector<int64_t> classes;
  for (int64_t f = 0; f < logits.rows; ++f) classes.push_back(best_classes(logits.row(f), 1)[0]);
  return mean_difference(logits.rows, to_first, [&](int64_t a, int64_t b) {
    return classes[static_cast<size_t>(a)] != classes[static_cast<size_t>(b)] ? 1.0 : 0.0;
  });
}

double top5_distance(const Matrix& logits, bool to_first) {
  // Equal logits rank by class, as rankdata's 'ordinal' does. Ranks below the first five count alike.
  std::vector<std::vector<int64_t>> best;
  for (int64_t f = 0; f < logits.rows; ++f) best.push_back(best_classes(logits.row(f), kTop));
  return mean_difference(logits.rows, to_first, [&](int64_t a, int64_t b) {
    const std::vector<int64_t>& before = best[static_cast<size_t>(a)];
    const std::vector<int64_t>& now = best[static_cast<size_t>(b)];
    int64_t sum = 0;
    for (size_t j = 0; j < before.size(); ++j) {
      const auto found = std::find(now.begin(), now.end(), before[j]);
      sum += std::abs(static_cast<int64_t>(j) - (found == now.end() ? kTop : found - now.begin()));
    }
    return static_cast<double>(sum);
  });
}

ordered_json to_json(const PerturbationResults& results) {
  ordered_json json = ordered_json::object();
  for (const std::string& kind : perturbation_names()) {
    const auto found = results.find(kind);
    if (found == results.end()) continue;
    const PerturbationResult& result = found->second;
    json[kind] = {{"sequences", result.sequences},
                  {"flip_probability", result.flip_probability},
                  {"top5_distance", result.top5_distance}};
  }
  return json;
}

PerturbationResults perturbation_results_from_json(const ordered_json& json, const std::string& where) {
  PerturbationResults results;
  try {
    if (!json.is_object()) throw InputError(where, "holds no results of 'robustness p'");
    for (const auto& [kind, result] : json.items()) {
      check_perturbation(kind);
      results[kind] = {result.at("sequences").get<int64_t>(),
                       require_flips(result.at("flip_probability").get<double>(), where, kind),
                       require_distance(result.at("top5_distance").get<double>(), where, kind)};
      if (results[kind].sequences < 1) throw InputError(where, concat("no sequence of ", kind, " was measured"));
    }
  } catch (const InputError&) {
    throw;
  } catch (const std::exception& error) {
    throw InputError(where, concat("holds no results of 'robustness p': ", json_problem(error)),
                     "expected the result.json of a run");
  }
  return results;
}

const PerturbationBaseline& alexnet_perturbation_baseline() {
  static const PerturbationBaseline baseline{"AlexNet, published flip probabilities on ImageNet-P",
                                             {{"gaussian_noise", .23653},
                                              {"shot_noise", .30062},
                                              {"motion_blur", .09297},
                                              {"zoom_blur", .05942},
                                              {"snow", .11928},
                                              {"brightness", .04889},
                                              {"translate", .11007},
                                              {"rotate", .13104},
                                              {"tilt", .07050},
                                              {"scale", .23531},
                                              {"speckle_noise", .18649},
                                              {"gaussian_blur", .02775},
                                              {"spatter", .05053},
                                              {"shear", .10658}},
                                             {}};
  return baseline;
}

PerturbationBaseline baseline_of(const PerturbationResults& results, const std::string& name) {
  PerturbationBaseline baseline{name, {}, {}};
  for (const auto& [kind, result] : results) {
    baseline.flip_probabilities[kind] = result.flip_probability;
    baseline.top5_distances[kind] = result.top5_distance;
  }
  return baseline;
}

PerturbationResults merged(std::span<const PerturbationResults> parts) {
  if (parts.empty()) throw UsageError("parts", "there are none");
  PerturbationResults whole;
  for (const auto& [kind, first] : parts[0]) {
    PerturbationResult& sum = whole[kind];
    for (const PerturbationResults& part : parts) {
      const auto found = part.find(kind);
      if (found == part.end()) throw UsageError("parts", "one lacks what the first has");
      const auto sequences = static_cast<double>(found->second.sequences);
      sum.sequences += found->second.sequences;
      sum.flip_probability += sequences * found->second.flip_probability;
      sum.top5_distance += sequences * found->second.top5_distance;
    }
    sum.flip_probability /= static_cast<double>(sum.sequences);
    sum.top5_distance /= static_cast<double>(sum.sequences);
  }
  return whole;
}

PerturbationScores score_perturbations(const PerturbationResults& results, const PerturbationBaseline& baseline) {
  for (const auto& [kind, flips] : baseline.flip_probabilities) require_flips(flips, baseline.name, kind);
  for (const auto& [kind, distance] : baseline.top5_distances) require_distance(distance, baseline.name, kind);
  const PerturbationBaseline own = baseline_of(results, "");
  PerturbationScores scores;
  scores.flip_rates = ratios(own.flip_probabilities, baseline.flip_probabilities);
  scores.t5d = ratios(own.top5_distances, baseline.top5_distances);
  scores.mfr = mean_of(scores.flip_rates);
  scores.mt5d = mean_of(scores.t5d);
  scores.unnormalised_fr = mean_of(own.flip_probabilities);
  if (scores.unnormalised_fr) *scores.unnormalised_fr *= 100;
  scores.unnormalised_t5d = mean_of(own.top5_distances);
  return scores;
}

PerturbationResult measure_perturbation(const MeasuredNetwork& network, const std::string& kind,
                                        const Sequences& sequences, int64_t limit) {
  Exchange alone;
  return measure_perturbation(ensemble_of(network), kind, sequences, limit, alone);
}

PerturbationResult measure_perturbation(const MeasuredEnsemble& ensemble, const std::string& kind,
                                        const Sequences& sequences, int64_t limit, Exchange& ranks) {
  const bool to_first = compares_to_first_frame(kind);
  const int64_t count = limit > 0 ? std::min(limit, sequences.size()) : sequences.size();
  ordered_json own = ordered_json::array();  // [flips, distance] of each sequence
  run_frames(
      part_of(ensemble, ranks), count, [&](int64_t index) { return sequences.read(index * sequences.size() / count); },
      kind,
      [&](int64_t, const Matrix& logits) {
        own.push_back({flip_share(logits, to_first), top5_distance(logits, to_first)});
      });
  PerturbationResult result;
  for_each_part(ranks, {{"size", count}, {"sequences", own}}, [&](const ordered_json& part) {
    for (const auto& sequence : part.at("sequences")) {
      result.flip_probability += sequence.at(0).get<double>();
      result.top5_distance += sequence.at(1).get<double>();
      ++result.sequences;
    }
  });
  if (result.sequences == 0) throw InputError(kind, "no sequence could be read", "see the warnings above");
  result.flip_probability /= static_cast<double>(result.sequences);
  result.top5_distance /= static_cast<double>(result.sequences);
  return result;
}

}  // namespace assemble
