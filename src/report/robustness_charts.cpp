// SPDX-License-Identifier: Apache-2.0
#include "robustness_charts.h"

namespace assemble::report {
namespace {

Chart by_severity(const Names& networks, const std::vector<CorruptionResults>& measured, const char* title,
                  const char* unit, double CorruptionResult::*value, double factor) {
  Chart chart{title, unit, {"clean", "1", "2", "3", "4", "5"}, {}, "severity"};
  for (size_t i = 0; i < networks.size(); ++i) {
    Series series{networks[i], {}};
    series.values.push_back(measured[i].clean ? std::optional(factor * (*measured[i].clean).*value) : std::nullopt);
    for (int severity = 1; severity <= kCorruptionSeverities; ++severity) {
      double sum = 0;
      int count = 0;
      for (const auto& [name, severities] : measured[i].corruptions) {
        const auto found = severities.find(severity);
        if (found != severities.end()) sum += found->second.*value, ++count;
      }
      series.values.push_back(count > 0 ? std::optional(factor * sum / count) : std::nullopt);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

Chart by_kind(const Names& networks, const std::vector<PerturbationResults>& measured, const char* title,
              const char* unit, double PerturbationResult::*value, double factor) {
  return grouped_bars(title, unit, perturbation_names(), networks, [&](size_t i, const std::string& kind) {
    const auto found = measured[i].find(kind);
    return found == measured[i].end() ? std::nullopt : std::optional(factor * found->second.*value);
  });
}

}  // namespace

Chart grouped_bars(const std::string& title, const std::string& unit, const Names& groups, const Names& networks,
                   const std::function<std::optional<double>(size_t network, const std::string& group)>& value_of) {
  Chart chart{title, unit, {}, {}};
  for (const std::string& network : networks) chart.series.push_back({network, {}});
  for (const std::string& group : groups) {
    std::vector<std::optional<double>> values;
    bool any = false;
    for (size_t i = 0; i < networks.size(); ++i) {
      values.push_back(value_of(i, group));
      any = any || values.back();
    }
    if (!any) continue;
    chart.labels.push_back(group);
    for (size_t i = 0; i < networks.size(); ++i) chart.series[i].values.push_back(values[i]);
  }
  return chart;
}

Chart error_by_severity(const Names& networks, const std::vector<CorruptionResults>& measured) {
  return by_severity(networks, measured, "Error by severity, mean over corruptions", "%", &CorruptionResult::error,
                     100);
}

Chart ece_by_severity(const Names& networks, const std::vector<CorruptionResults>& measured) {
  return by_severity(networks, measured, "Calibration error (ECE) by severity", "", &CorruptionResult::ece, 1);
}

Chart error_by_corruption(const Names& networks, const std::vector<CorruptionResults>& measured) {
  return grouped_bars("Error by corruption, mean over severities", "error %", all_corruption_names(), networks,
                      [&](size_t i, const std::string& name) {
                        const auto error = measured[i].mean_error(name);
                        return error ? std::optional(100 * *error) : std::nullopt;
                      });
}

Chart flips_by_kind(const Names& networks, const std::vector<PerturbationResults>& measured) {
  return by_kind(networks, measured, "Flip probability by kind of sequence", "flips %",
                 &PerturbationResult::flip_probability, 100);
}

Chart top5_distance_by_kind(const Names& networks, const std::vector<PerturbationResults>& measured) {
  return by_kind(networks, measured, "Top-5 distance by kind of sequence", "distance",
                 &PerturbationResult::top5_distance, 1);
}

}  // namespace assemble::report
