// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/eval/calibration.h"
#include "assemble/eval/corruption_robustness.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

std::optional<double> mean_over_severities(const CorruptionResults& results, const std::string& corruption,
                                           double CorruptionResult::*value) {
  const auto found = results.corruptions.find(corruption);
  if (found == results.corruptions.end() || found->second.size() != kCorruptionSeverities) return std::nullopt;
  double sum = 0;
  for (const auto& [severity, result] : found->second) sum += result.*value;
  return sum / kCorruptionSeverities;
}

/// Mean over these corruptions; nothing when one is missing.
std::optional<double> mean_of(const std::map<std::string, double>& values, std::span<const std::string> corruptions) {
  double sum = 0;
  for (const std::string& name : corruptions) {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    sum += found->second;
  }
  return sum / static_cast<double>(corruptions.size());
}

/// What `find` finds in each of the parts, as one result; nullptr is one that is lacking.
template <typename Find>
CorruptionResult sum_of(std::span<const CorruptionResults> parts, Find&& find) {
  CorruptionResult whole;
  CalibrationMeter calibration;
  for (const CorruptionResults& results : parts) {
    const CorruptionResult* part = find(results);
    if (part == nullptr) throw UsageError("parts", "one lacks what the first has");
    whole.images += part->images;
    whole.error += part->error * static_cast<double>(part->images);
    calibration.add(part->reliability);
  }
  whole.error /= static_cast<double>(whole.images);
  whole.ece = calibration.error();
  whole.reliability = calibration.bins();
  return whole;
}

ordered_json to_json(const CorruptionResult& result) {
  return {{"images", result.images}, {"error", result.error}, {"ece", result.ece}};
}

/// @param what its name in errors
double require_share(double value, const std::string& where, const std::string& what) {
  // Not a number compares false.
  if (value >= 0 && value <= 1) return value;
  throw InputError(where, concat(what, " is ", value, ", expected a share in [0, 1]"),
                   "expected what 'robustness c' measured");
}

CorruptionResult result_from_json(const ordered_json& json, const std::string& where, const std::string& of) {
  CorruptionResult result{json.at("images").get<int64_t>(),
                          require_share(json.at("error").get<double>(), where, "error of " + of),
                          require_share(json.at("ece").get<double>(), where, "ECE of " + of)};
  if (result.images < 1) throw InputError(where, concat(of, " was measured on ", result.images, " images"));
  return result;
}

int severity_from_text(const std::string& text) {
  if (text.size() != 1) throw UsageError("severity", concat("'", text, "' is unknown, expected 1, 2, 3, 4 or 5"));
  check_severity(text[0] - '0');
  return text[0] - '0';
}

}  // namespace

CorruptionResults merged(std::span<const CorruptionResults> parts) {
  if (parts.empty()) throw UsageError("parts", "there are none");
  CorruptionResults whole;
  if (parts[0].clean) {
    whole.clean = sum_of(parts, [](const CorruptionResults& part) { return part.clean ? &*part.clean : nullptr; });
  }
  for (const auto& [name, severities] : parts[0].corruptions) {
    for (const auto& [severity, result] : severities) {
      whole.corruptions[name][severity] =
          sum_of(parts, [&name = name, severity = severity](const CorruptionResults& part) {
            const auto corruption = part.corruptions.find(name);
            if (corruption == part.corruptions.end()) return static_cast<const CorruptionResult*>(nullptr);
            const auto found = corruption->second.find(severity);
            return found == corruption->second.end() ? nullptr : &found->second;
          });
    }
  }
  return whole;
}

std::optional<double> CorruptionResults::mean_error(const std::string& corruption) const {
  return mean_over_severities(*this, corruption, &CorruptionResult::error);
}

std::optional<double> CorruptionResults::mean_ece(const std::string& corruption) const {
  return mean_over_severities(*this, corruption, &CorruptionResult::ece);
}

ordered_json to_json(const CorruptionResults& results) {
  ordered_json json = ordered_json::object();
  if (results.clean) json["clean"] = to_json(*results.clean);
  json["corruptions"] = ordered_json::object();
  for (const std::string& name : all_corruption_names()) {
    const auto found = results.corruptions.find(name);
    if (found == results.corruptions.end()) continue;
    for (const auto& [severity, result] : found->second) {
      json["corruptions"][name][std::to_string(severity)] = to_json(result);
    }
  }
  return json;
}

CorruptionResults corruption_results_from_json(const ordered_json& json, const std::string& where) {
  CorruptionResults results;
  try {
    if (json.contains("clean")) results.clean = result_from_json(json.at("clean"), where, "clean images");
    for (const auto& [name, severities] : json.at("corruptions").items()) {
      check_corruption(name);
      for (const auto& [text, result] : severities.items()) {
        results.corruptions[name][severity_from_text(text)] = result_from_json(result, where, concat(name, " ", text));
      }
    }
  } catch (const InputError&) {
    throw;
  } catch (const std::exception& error) {
    throw InputError(where, concat("holds no results of 'robustness c': ", json_problem(error)),
                     "expected the result.json of a run");
  }
  return results;
}

const CorruptionBaseline& alexnet_corruption_baseline() {
  static const CorruptionBaseline baseline{"AlexNet, published errors on ImageNet-C",
                                           0.43478,
                                           {{"gaussian_noise", .8864},
                                            {"shot_noise", .8945},
                                            {"impulse_noise", .9226},
                                            {"defocus_blur", .8199},
                                            {"glass_blur", .8263},
                                            {"motion_blur", .7860},
                                            {"zoom_blur", .7984},
                                            {"snow", .8668},
                                            {"frost", .8266},
                                            {"fog", .8193},
                                            {"brightness", .5646},
                                            {"contrast", .8532},
                                            {"elastic_transform", .6461},
                                            {"pixelate", .7178},
                                            {"jpeg_compression", .6065},
                                            {"speckle_noise", .8454},
                                            {"gaussian_blur", .7871},
                                            {"spatter", .7175},
                                            {"saturate", .6583}}};
  return baseline;
}

CorruptionBaseline no_corruption_baseline() { return {"none, mean errors as published", std::nullopt, {}}; }

CorruptionBaseline baseline_of(const CorruptionResults& results, const std::string& name) {
  CorruptionBaseline baseline{name, std::nullopt, {}};
  if (results.clean) baseline.clean_error = results.clean->error;
  for (const std::string& corruption : all_corruption_names()) {
    if (const auto error = results.mean_error(corruption)) baseline.errors[corruption] = *error;
  }
  return baseline;
}

CorruptionScores score_corruptions(const CorruptionResults& results, const CorruptionBaseline& baseline) {
  for (const auto& [name, error] : baseline.errors) require_share(error, baseline.name, "error of " + name);
  if (baseline.clean_error) require_share(*baseline.clean_error, baseline.name, "clean error");
  CorruptionScores scores;
  std::map<std::string, double> errors;
  for (const std::string& name : all_corruption_names()) {
    const auto error = results.mean_error(name);
    if (!error) continue;
    errors[name] = 100 * *error;
    const auto divisor = baseline.errors.find(name);
    if (divisor == baseline.errors.end()) continue;
    if (divisor->second > 0) scores.ce[name] = 100 * *error / divisor->second;
    if (!results.clean || !baseline.clean_error) continue;
    const double growth = divisor->second - *baseline.clean_error;
    if (growth > 0) scores.relative_ce[name] = 100 * (*error - results.clean->error) / growth;
  }
  const std::span<const std::string> all = corruption_names(), official = all.first(kOfficialCorruptions);
  scores.mce_15 = mean_of(scores.ce, official);
  scores.mce_19 = mean_of(scores.ce, all);
  scores.unnormalised_15 = mean_of(errors, official);
  scores.unnormalised_19 = mean_of(errors, all);
  scores.relative_15 = mean_of(scores.relative_ce, official);
  scores.relative_19 = mean_of(scores.relative_ce, all);
  const std::span<const std::string> c_bar = corruption_names(CorruptionSet::kCBar);
  scores.mce_c_bar = mean_of(scores.ce, c_bar);
  scores.unnormalised_c_bar = mean_of(errors, c_bar);
  scores.relative_c_bar = mean_of(scores.relative_ce, c_bar);
  return scores;
}

}  // namespace assemble
