// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/report/report.h"
#include "page.h"
#include "robustness_charts.h"

namespace assemble {
namespace {

using report::escape;
using report::Names;
using report::paragraph;

std::string percent(double share) { return format_number(100 * share, 1) + " %"; }

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

std::string training_section(const std::vector<ComparedNetwork>& networks) {
  return "<h2>Training</h2>\n" +
         paragraph(
             "Accuracy on the validation images, and the mean loss of the training steps since the point before.") +
         report::legend(names_of(networks)) +
         report::line_chart(by_epoch(networks, "Top-1 accuracy on the validation images", "%",
                                     &ComparedNetwork::Evaluation::top1, 100)) +
         report::line_chart(by_epoch(networks, "Training loss", "", &ComparedNetwork::Evaluation::train_loss, 1));
}

std::string calibration_section(const std::vector<ComparedNetwork>& networks) {
  std::string html =
      "<h2>Calibration</h2>\n" +
      paragraph(
          "Is a network right as often as it is sure? Each bar holds the predictions of like confidence and is as high "
          "as the share of them that is right; its dot stands at their mean confidence. Dots on the dashed line are "
          "calibrated, above it the network is too modest, below it too sure. The grey bars show how many predictions "
          "there are. The expected calibration error (ECE) is the mean distance from the line, a prediction counting "
          "as one.");
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
  return "<details><summary>The errors in figures</summary>\n" + report::table(rows) + "</details>\n";
}

std::string card(const ClassifiedImage& image, const std::vector<ComparedNetwork>& networks) {
  std::string html = concat("<div><img src=\"", report::data_uri(image.encoded), "\" alt=\"", escape(image.description),
                            "\"><b>", escape(image.description), "</b><ul>");
  for (size_t i = 0; i < networks.size(); ++i) {
    const Prediction::Class& best = image.predictions.at(i).classes.at(0);
    const bool right = best.name == image.class_name;
    html += concat("<li class=\"", right ? "right" : "wrong", "\"><span class=\"name ", report::series_class(i), "\">",
                   escape(networks[i].name), "</span> ", escape(best.name), " ", percent(best.probability), "</li>");
  }
  return html + "</ul></div>\n";
}

std::string gallery(const Gallery& shown, const std::vector<ComparedNetwork>& networks) {
  if (shown.images.empty()) return "";
  std::string html = "<h3>" + escape(shown.title) + "</h3>\n" + paragraph(shown.text) + "<div class=\"gallery\">\n";
  for (const ClassifiedImage& image : shown.images) html += card(image, networks);
  return html + "</div>\n";
}

std::string robustness_section(const Comparison& comparison) {
  const Names names = names_of(comparison.networks);
  std::vector<CorruptionResults> corruptions;
  std::vector<PerturbationResults> perturbations;
  for (const ComparedNetwork& network : comparison.networks) {
    corruptions.push_back(network.corruptions);
    perturbations.push_back(network.perturbations);
  }
  return "<h2>Robustness</h2>\n" +
         paragraph(
             concat("Errors on validation images under the corruptions of ImageNet-C. CE is a network's error relative "
                    "to that of ",
                    names.front(),
                    ", which has 100; mCE is its mean over the corruptions. Flips are "
                    "changes of the predicted class between the frames of a sequence in which the image changes little "
                    "by little, as in ImageNet-P; mFR is their mean ratio to those of ",
                    names.front(), ".")) +
         report::legend(names) + "<div class=\"columns\"><div>" +
         report::bar_chart(report::error_by_corruption(names, corruptions)) + "</div><div>" +
         report::line_chart(report::error_by_severity(names, corruptions)) +
         report::bar_chart(report::flips_by_kind(names, perturbations)) + "</div></div>\n" +
         corruption_table(comparison.networks) + gallery(comparison.corrupted, comparison.networks);
}

}  // namespace

std::string comparison_report(const Comparison& comparison) {
  if (comparison.networks.empty()) throw UsageError("report", "no networks to compare");
  std::string html;
  for (const std::string& text : comparison.introduction) html += paragraph(text);
  html += report::table(comparison.figures) + training_section(comparison.networks) +
          calibration_section(comparison.networks) + robustness_section(comparison) + "<h2>Predictions</h2>\n" +
          gallery(comparison.clean, comparison.networks);
  return report::page(comparison.title, html);
}

}  // namespace assemble
