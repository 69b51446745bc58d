// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/report/report.h"
#include "fill.h"
#include "gallery.h"
#include "ladder_parts.h"
#include "page.h"
#include "report/assets.h"
#include "robustness_charts.h"

namespace assemble {
namespace {

using report::fill;
using report::Names;

namespace assets = report::assets;

Names names_of(const std::vector<ComparedNetwork>& networks) {
  Names names;
  for (const ComparedNetwork& network : networks) names.push_back(network.name);
  return names;
}

/// A figure of every evaluation, by epoch.
report::Chart by_epoch(const std::vector<ComparedNetwork>& networks, const char* title, const char* unit,
                       double ComparedNetwork::Evaluation::*value, double factor) {
  std::set<int64_t> epochs;
  for (const ComparedNetwork& network : networks) {
    for (const auto& evaluation : network.training) epochs.insert(evaluation.epoch);
  }
  report::Chart chart{title, unit, {}, {}, "epoch"};
  for (const int64_t epoch : epochs) chart.labels.push_back(std::to_string(epoch));
  for (const ComparedNetwork& network : networks) {
    report::Series series{network.name, std::vector<std::optional<double>>(epochs.size())};
    for (const auto& evaluation : network.training) {
      const auto place = std::distance(epochs.begin(), epochs.find(evaluation.epoch));
      series.values[static_cast<size_t>(place)] = factor * evaluation.*value;
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

std::string reliability_diagrams(const std::vector<ComparedNetwork>& networks) {
  std::string html;
  for (size_t i = 0; i < networks.size(); ++i) {
    const ClassificationResult& validation = networks[i].validation;
    html += report::reliability_diagram(concat(networks[i].name, ", ECE ", format_number(validation.ece, 4)),
                                        validation.reliability, i);
  }
  return html;
}

/// The numbers behind the bars.
std::string corruption_table(const std::vector<ComparedNetwork>& networks) {
  const CorruptionBaseline baseline = baseline_of(networks.front().corruptions, networks.front().name);
  std::vector<std::vector<std::string>> rows{{"corruption"}};
  std::vector<CorruptionScores> scores;
  for (const ComparedNetwork& network : networks) {
    rows[0].insert(rows[0].end(), {network.name + ", error %", "CE %"});
    scores.push_back(score_corruptions(network.corruptions, baseline));
  }
  for (const std::string& name : corruption_names()) {
    if (!networks.front().corruptions.corruptions.contains(name)) continue;
    rows.push_back({name});
    for (size_t i = 0; i < networks.size(); ++i) {
      const auto error = networks[i].corruptions.mean_error(name);
      const auto ce = scores[i].ce.find(name);
      rows.back().push_back(error ? format_number(100 * *error, 2) : "–");
      rows.back().push_back(ce == scores[i].ce.end() ? "–" : format_number(ce->second, 1));
    }
  }
  return report::table(rows);
}

}  // namespace

std::string comparison_report(const Comparison& comparison) {
  const std::vector<ComparedNetwork>& networks = comparison.networks;
  if (networks.empty()) throw UsageError("report", "no networks to compare");
  const Names names = names_of(networks);
  std::vector<CorruptionResults> corruptions;
  std::vector<PerturbationResults> perturbations;
  for (const ComparedNetwork& network : networks) {
    corruptions.push_back(network.corruptions);
    perturbations.push_back(network.perturbations);
  }
  const std::string body =
      fill(assets::kComparisonHtml,
           {{"introduction", report::paragraphs(comparison.ladder.introduction)},
            {"rungs", report::ladder_charts(comparison.ladder)},
            {"tables", report::text_tables(comparison.ladder.tables)},
            {"legend", report::legend(names)},
            {"accuracy", report::line_chart(by_epoch(networks, "Top-1 accuracy on the validation images", "%",
                                                     &ComparedNetwork::Evaluation::top1, 100))},
            {"loss",
             report::line_chart(by_epoch(networks, "Training loss", "", &ComparedNetwork::Evaluation::train_loss, 1))},
            {"reliability", reliability_diagrams(networks)},
            {"first", names.front()},
            {"error_by_corruption", report::bar_chart(report::error_by_corruption(names, corruptions))},
            {"error_by_severity", report::line_chart(report::error_by_severity(names, corruptions))},
            {"flips_by_kind", report::bar_chart(report::flips_by_kind(names, perturbations))},
            {"errors", corruption_table(networks)},
            {"corrupted", report::gallery(comparison.corrupted, names)},
            {"clean", report::gallery(comparison.clean, names)}});
  return report::page(comparison.ladder.title, body);
}

}  // namespace assemble
