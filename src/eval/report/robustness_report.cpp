// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/eval/report.h"
#include "chart.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;
using report::Chart;
using report::escape;

constexpr const char* kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}"
    "table{border-collapse:collapse;margin:.5rem 0;font-size:.9rem}"
    "th,td{padding:.25rem .7rem;border-bottom:1px solid #ddd;text-align:right;vertical-align:top}"
    "th:first-child,td:first-child{text-align:left}td.note{text-align:left;font-size:.8rem;color:#555;max-width:22rem}"
    "figure{display:inline-block;margin:.5rem 1.5rem .5rem 0}figcaption{font-weight:600}svg{max-width:100%;height:auto}"
    "svg text{font:11px system-ui,sans-serif;fill:#333}.grid{stroke:#e3e3e3}"
    ".legend span{margin-right:1.2rem}.legend i{display:inline-block;width:.8rem;height:.8rem;margin-right:.4rem}"
    ".partial{color:#a40000;font-weight:600}";

std::string cell(const std::string& text) { return "<td>" + escape(text) + "</td>"; }

std::string number_cell(const ordered_json& result, const char* key, double factor = 1) {
  const auto found = result.find(key);
  return cell(found == result.end() || !found->is_number() ? "–" : format_number(factor * found->get<double>(), 2));
}

std::string name_of(const ordered_json& result) {
  const std::string file = result.at("network").get<std::string>();
  const fs::path path(file);
  // Runs keep their weights under one name, so the folder tells them apart.
  return path.has_parent_path() ? (path.parent_path().filename() / path.filename()).string() : file;
}

std::string images_note(const ordered_json& images) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : images.items()) {
    if (value.is_object()) {
      parts.push_back(images_note(value));
    } else if (!value.is_array()) {
      parts.push_back(key + " " + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
  }
  return join(parts, ", ");
}

/// Network, size, measures and how the images were made.
std::string table(const std::vector<ordered_json>& results,
                  const std::vector<std::pair<const char*, const char*>>& keys) {
  std::string html = "<table><tr><th>network</th><th>input</th>";
  for (const auto& [key, title] : keys) html += concat("<th>", escape(title), "</th>");
  html += "<th>baseline and images</th></tr>\n";
  for (const ordered_json& result : results) {
    html += "<tr><td>" + escape(name_of(result)) + "<br><small>" + escape(result.at("arch").get<std::string>()) +
            "</small>" + (result.at("partial").get<bool>() ? "<br><span class=\"partial\">partial</span>" : "") +
            "</td>" + cell(result.at("input_size").dump());
    for (const auto& [key, title] : keys) html += number_cell(result, key, std::string(key) == "clean_error" ? 100 : 1);
    html += concat("<td class=\"note\">", escape(result.at("baseline").get<std::string>()), "; ",
                   escape(images_note(result.at("images"))));
    const auto missing = result.at("missing").get<std::vector<std::string>>();
    if (!missing.empty())
      html += concat("<br><span class=\"partial\">missing: ", escape(join(missing, ", ")), "</span>");
    html += "</td></tr>\n";
  }
  return html + "</table>\n";
}

std::vector<std::string> names_of(const std::vector<ordered_json>& results) {
  std::vector<std::string> names;
  for (const ordered_json& result : results) names.push_back(name_of(result));
  return names;
}

/// Mean of a value over the corruptions measured, by severity.
Chart by_severity(const std::vector<ordered_json>& results, const std::vector<CorruptionResults>& measured,
                  const char* title, const char* unit, double CorruptionResult::*value, double factor) {
  Chart chart{title, unit, {"clean", "1", "2", "3", "4", "5"}, {}};
  for (size_t i = 0; i < results.size(); ++i) {
    report::Series series{name_of(results[i]), {}};
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

/// A group of bars for each of `names` that a result has a value of.
template <typename ValueOf>
Chart bars(const std::string& title, const std::string& unit, const std::vector<std::string>& names,
           const std::vector<ordered_json>& results, ValueOf&& value_of) {
  Chart chart{title, unit, {}, {}};
  for (const ordered_json& result : results) chart.series.push_back({name_of(result), {}});
  for (const std::string& name : names) {
    std::vector<std::optional<double>> values;
    bool any = false;
    for (size_t i = 0; i < results.size(); ++i) {
      values.push_back(value_of(i, name));
      any = any || values.back();
    }
    if (!any) continue;
    chart.labels.push_back(name);
    for (size_t i = 0; i < results.size(); ++i) chart.series[i].values.push_back(values[i]);
  }
  return chart;
}

std::optional<double> entry(const ordered_json& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_number() ? std::nullopt : std::optional(found->get<double>());
}

std::string corruption_section(const std::vector<ordered_json>& results) {
  std::vector<CorruptionResults> measured;
  for (const ordered_json& result : results) {
    measured.push_back(corruption_results_from_json(result.at("measured"), name_of(result)));
  }
  const std::string legend = report::legend(names_of(results));
  return "<h2>Corruptions</h2>\n" +
         table(results, {{"clean_error", "clean error %"},
                         {"mce_15", "mCE, official 15"},
                         {"mce_19", "mCE, all 19"},
                         {"unnormalised_mce", "un-normalised, 15"},
                         {"relative_mce", "relative mCE, 15"},
                         {"mean_ece", "mean ECE"}}) +
         "<p>Means are left out where a corruption or a severity was not measured.</p>\n" + legend +
         report::line_chart(by_severity(results, measured, "Error by severity, mean over the corruptions measured", "%",
                                        &CorruptionResult::error, 100)) +
         report::line_chart(
             by_severity(results, measured, "Calibration error (ECE) by severity", "", &CorruptionResult::ece, 1)) +
         report::bar_chart(bars("Error by corruption, mean over severities", "error %", corruption_names(), results,
                                [&](size_t i, const std::string& name) {
                                  const auto error = measured[i].mean_error(name);
                                  return error ? std::optional(100 * *error) : std::nullopt;
                                })) +
         report::bar_chart(bars("CE by corruption: error relative to the baseline's", "CE %", corruption_names(),
                                results,
                                [&](size_t i, const std::string& name) { return entry(results[i].at("ce"), name); }));
}

std::string perturbation_section(const std::vector<ordered_json>& results) {
  std::vector<PerturbationResults> measured;
  for (const ordered_json& result : results) {
    measured.push_back(perturbation_results_from_json(result.at("measured"), name_of(result)));
  }
  return "<h2>Perturbation sequences</h2>\n" +
         table(results, {{"mfr", "mFR"},
                         {"mt5d", "mT5D"},
                         {"unnormalised_fr", "un-normalised flips %"},
                         {"unnormalised_t5d", "un-normalised T5D"}}) +
         report::legend(names_of(results)) +
         report::bar_chart(bars("Flip probability by kind of sequence", "flips %", perturbation_names(), results,
                                [&](size_t i, const std::string& kind) {
                                  const auto found = measured[i].find(kind);
                                  return found == measured[i].end()
                                             ? std::nullopt
                                             : std::optional(100 * found->second.flip_probability);
                                })) +
         report::bar_chart(bars("Top-5 distance by kind of sequence", "distance", perturbation_names(), results,
                                [&](size_t i, const std::string& kind) {
                                  const auto found = measured[i].find(kind);
                                  return found == measured[i].end() ? std::nullopt
                                                                    : std::optional(found->second.top5_distance);
                                }));
}

}  // namespace

std::string robustness_report(const std::vector<ordered_json>& results) {
  std::vector<ordered_json> corruptions, perturbations;
  try {
    for (const ordered_json& result : results) {
      const std::string measure = result.at("measure").get<std::string>();
      if (measure != "corruptions" && measure != "perturbations") {
        throw InputError("report", "a result measures '" + measure + "'",
                         "expected results of 'robustness c' and 'robustness p'");
      }
      (measure == "corruptions" ? corruptions : perturbations).push_back(result);
    }
    std::string html = concat(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>Robustness</title>\n<style>",
        kStyle, "</style>\n</head>\n<body>\n<h1>Robustness</h1>\n");
    if (!corruptions.empty()) html += corruption_section(corruptions);
    if (!perturbations.empty()) html += perturbation_section(perturbations);
    return html + concat("<p><small>Written by assemble ", ASSEMBLE_VERSION, ".</small></p>\n</body>\n</html>\n");
  } catch (const ordered_json::exception& error) {
    throw InputError("report", concat("a result lacks what it should hold: ", error.what()),
                     "expected the result.json of 'robustness c' or 'robustness p'");
  }
}

}  // namespace assemble
