// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/eval/measured_ensemble.h"
#include "assemble/eval/statistics.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;

/// One letter an image: its count, or '-'.
std::string letters_of(const std::vector<int>& counts) {
  std::string letters;
  for (const int count : counts) letters += count < 0 ? '-' : static_cast<char>('0' + count);
  return letters;
}

std::vector<int> counts_of(const std::string& letters, int severities, const std::string& where) {
  std::vector<int> counts;
  for (const char letter : letters) {
    const int count = letter == '-' ? -1 : letter - '0';
    if (count < -1 || count > severities) throw InputError(where, "counts more wrong answers than severities");
    counts.push_back(count);
  }
  return counts;
}

/// Differences of the shares of wrong answers, means over the corruptions, of the images that both answered under all.
std::vector<double> differences(const CorruptionFindings& first, const CorruptionFindings& second) {
  std::vector<double> sums;
  std::vector<bool> whole;
  double corruptions = 0;
  for (const auto& [corruption, before] : first.wrong) {
    const auto found = second.wrong.find(corruption);
    if (found == second.wrong.end()) continue;
    const WrongAnswers& after = found->second;
    if (corruptions == 0) sums.assign(before.counts.size(), 0), whole.assign(sums.size(), true);
    if (before.severities != after.severities || before.counts.size() != sums.size() ||
        after.counts.size() != sums.size()) {
      return {};
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      whole[i] = whole[i] && before.counts[i] >= 0 && after.counts[i] >= 0;
      sums[i] += static_cast<double>(after.counts[i] - before.counts[i]) / before.severities;
    }
    ++corruptions;
  }
  std::vector<double> means;
  for (size_t i = 0; i < sums.size(); ++i) {
    if (whole[i]) means.push_back(sums[i] / corruptions);
  }
  return means;
}

}  // namespace

ordered_json wrong_to_json(const CorruptionFindings& findings) {
  ordered_json json = ordered_json::object();
  for (const auto& [corruption, wrong] : findings.wrong) {
    json[corruption] = {{"severities", wrong.severities}, {"wrong", letters_of(wrong.counts)}};
  }
  return json;
}

std::map<std::string, WrongAnswers> wrong_from_json(const ordered_json& json, const std::string& where) {
  std::map<std::string, WrongAnswers> wrong;
  try {
    for (const auto& [corruption, answers] : json.items()) {
      check_corruption(corruption);
      const int severities = answers.at("severities").get<int>();
      check_severity(severities);  // there are as many as the largest
      wrong[corruption] = {severities, counts_of(answers.at("wrong").get<std::string>(), severities, where)};
    }
  } catch (const UsageError& error) {
    throw InputError(where, error.what());
  } catch (const ordered_json::exception& error) {
    throw InputError(where, concat("holds no wrong answers of 'robustness c': ", json_problem(error)),
                     "remove the folder to start the run again");
  }
  return wrong;
}

std::optional<PairedErrors> pair_errors(const CorruptionFindings& first, const CorruptionFindings& second,
                                        uint64_t seed) {
  const std::vector<double> of_images = differences(first, second);
  if (of_images.empty()) return std::nullopt;
  const auto images = static_cast<double>(of_images.size());
  PairedErrors errors{.images = static_cast<int64_t>(of_images.size())};
  for (const double difference : of_images) errors.difference += difference / images;
  const Interval interval = resampled_mean(of_images, seed);
  errors.low = interval.low;
  errors.high = interval.high;
  return errors;
}

}  // namespace assemble
