// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include "assemble/core/error.h"
#include "assemble/core/json.h"
#include "assemble/core/text.h"
#include "assemble/eval/corruption_robustness.h"
#include "assemble/eval/perturbation_robustness.h"
#include "assemble/report/report.h"
#include "fill.h"
#include "page.h"
#include "report/assets.h"
#include "robustness_charts.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;
using report::escape;

std::string cell(const std::string& text) { return "<td>" + escape(text) + "</td>"; }

std::string number_cell(const ordered_json& result, const char* key, double factor = 1) {
  const auto found = result.find(key);
  return cell(found == result.end() || !found->is_number() ? "–" : format_number(factor * found->get<double>(), 2));
}

std::string short_name(const std::string& file) {
  const fs::path path(file);
  // Runs keep their weights under one name, so the folder tells them apart.
  return path.has_parent_path() ? (path.parent_path().filename() / path.filename()).string() : file;
}

/// Of an ensemble, the names of all its models.
std::string name_of(const ordered_json& result) {
  if (!result.contains("averaged")) return short_name(result.at("network").get<std::string>());
  std::vector<std::string> names;
  for (const ordered_json& model : result["averaged"].at("models")) {
    names.push_back(short_name(model.at("file").get<std::string>()));
  }
  return join(names, " + ");
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
  std::string html = "<div class=\"scroll\"><table><tr><th>network</th><th>input</th>";
  for (const auto& [key, title] : keys) html += concat("<th>", escape(title), "</th>");
  html += "<th>baseline and images</th></tr>\n";
  for (const ordered_json& result : results) {
    html += "<tr><td>" + escape(name_of(result)) + "<br><small>" + escape(result.at("arch").get<std::string>()) +
            "</small>" + (result.at("partial").get<bool>() ? "<br><span class=\"partial\">partial</span>" : "") +
            "</td>" + cell(result.at("input_size").dump());
    for (const auto& [key, title] : keys) html += number_cell(result, key, std::string(key) == "clean_error" ? 100 : 1);
    html += concat("<td class=\"note\">", escape(result.at("baseline").get<std::string>()), "; ",
                   escape(images_note(result.at("images"))));
    // Of several networks that were measured together.
    if (result.contains("evaluated")) html += concat("<br>", escape(images_note(result["evaluated"])));
    const auto missing = result.at("missing").get<std::vector<std::string>>();
    if (!missing.empty())
      html += concat("<br><span class=\"partial\">missing: ", escape(join(missing, ", ")), "</span>");
    html += "</td></tr>\n";
  }
  return html + "</table></div>\n";
}

std::vector<std::string> names_of(const std::vector<ordered_json>& results) {
  std::vector<std::string> names;
  names.reserve(results.size());
  for (const ordered_json& result : results) names.push_back(name_of(result));
  return names;
}

std::optional<double> entry(const ordered_json& object, const std::string& name) {
  const auto found = object.find(name);
  return found == object.end() || !found->is_number() ? std::nullopt : std::optional(found->get<double>());
}

CorruptionSet set_of(const ordered_json& result) {
  // Results of earlier versions are of ImageNet-C and do not say so.
  return kCorruptionSets.parse(result.value("set", kCorruptionSets.name(CorruptionSet::kC)));
}

/// "brightness (color_jitter), …" of a result; empty where no augmentation of the training resembles a corruption.
std::string overlap_of(const ordered_json& result) {
  std::vector<std::string> parts;
  const ordered_json overlaps = result.value("overlap", ordered_json::object());
  for (const auto& [corruption, names] : overlaps.items()) {
    parts.push_back(concat(corruption, " (", join(names.get<std::vector<std::string>>(), ", "), ")"));
  }
  return join(parts, ", ");
}

std::string overlap_notes(const std::vector<ordered_json>& results) {
  std::string html;
  for (const ordered_json& result : results) {
    const std::string overlap = overlap_of(result);
    if (overlap.empty()) continue;
    html += concat("<p><span class=\"partial\">", escape(name_of(result)),
                   "</span> was trained with what some corruptions do: ", escape(overlap),
                   ". Its errors under these say little about corruptions that it never saw.</p>\n");
  }
  return html;
}

/// The networks that were measured on both sets, at the same size.
std::string side_by_side(const std::vector<ordered_json>& c, const std::vector<ordered_json>& c_bar) {
  std::vector<std::vector<std::string>> rows{{"network", "input", "clean error %", "C, official 15: error %",
                                              "C-bar: error %", "C-bar − C", "C: mean ECE", "C-bar: mean ECE"}};
  const auto text = [](const std::optional<double>& value, int decimals) {
    return value ? format_number(*value, decimals) : std::string("–");
  };
  for (const ordered_json& result : c) {
    const auto same = [&](const ordered_json& other) {
      return other.at("network") == result.at("network") && other.at("input_size") == result.at("input_size");
    };
    const auto found = std::find_if(c_bar.begin(), c_bar.end(), same);
    if (found == c_bar.end()) continue;
    const auto clean = entry(result, "clean_error"), error = entry(result, "unnormalised_mce"),
               error_bar = entry(*found, "c_bar_error");
    rows.push_back({name_of(result), result.at("input_size").dump(),
                    text(clean ? std::optional(100 * *clean) : std::nullopt, 2), text(error, 2), text(error_bar, 2),
                    text(error && error_bar ? std::optional(*error_bar - *error) : std::nullopt, 2),
                    text(entry(result, "mean_ece"), 4), text(entry(*found, "mean_ece"), 4)});
  }
  if (rows.size() == 1) return "";
  return report::fill(report::assets::kSetsHtml, {{"table", report::table(rows)}});
}

std::string corruption_section(const std::vector<ordered_json>& results, CorruptionSet set) {
  std::vector<CorruptionResults> measured;
  measured.reserve(results.size());
  for (const ordered_json& result : results) {
    measured.push_back(corruption_results_from_json(result.at("measured"), name_of(result)));
  }
  const std::vector<std::string> names = names_of(results);
  using Keys = std::vector<std::pair<const char*, const char*>>;
  const bool is_c = set == CorruptionSet::kC;
  const Keys keys = is_c ? Keys{{"clean_error", "clean error %"},
                                {"mce_15", "mCE, official 15"},
                                {"mce_19", "mCE, all 19"},
                                {"unnormalised_mce", "un-normalised, 15"},
                                {"relative_mce", "relative mCE, 15"},
                                {"mean_ece", "mean ECE"}}
                         : Keys{{"clean_error", "clean error %"},
                                {"c_bar_error", "mean error %"},
                                {"mce_c_bar", "mCE"},
                                {"mean_ece", "mean ECE"}};
  const bool has_ce =
      std::any_of(results.begin(), results.end(), [](const ordered_json& result) { return !result.at("ce").empty(); });
  const report::Chart ce =
      report::grouped_bars("CE by corruption: error relative to the baseline's", "CE %", all_corruption_names(), names,
                           [&](size_t i, const std::string& name) { return entry(results[i].at("ce"), name); });
  return report::fill(report::assets::kCorruptionsHtml,
                      {{"title", is_c ? "Corruptions" : "Corruptions of ImageNet-C-bar"},
                       {"table", table(results, keys)},
                       {"overlaps", overlap_notes(results)},
                       {"legend", report::legend(names)},
                       {"error_by_severity", report::line_chart(report::error_by_severity(names, measured))},
                       {"ece_by_severity", report::line_chart(report::ece_by_severity(names, measured))},
                       {"error_by_corruption", report::bar_chart(report::error_by_corruption(names, measured))},
                       {"ce_by_corruption", has_ce ? report::bar_chart(ce) : ""}});
}

std::string perturbation_section(const std::vector<ordered_json>& results) {
  std::vector<PerturbationResults> measured;
  measured.reserve(results.size());
  for (const ordered_json& result : results) {
    measured.push_back(perturbation_results_from_json(result.at("measured"), name_of(result)));
  }
  const std::vector<std::string> names = names_of(results);
  return report::fill(report::assets::kPerturbationsHtml,
                      {{"table", table(results, {{"mfr", "mFR"},
                                                 {"mt5d", "mT5D"},
                                                 {"unnormalised_fr", "un-normalised flips %"},
                                                 {"unnormalised_t5d", "un-normalised T5D"}})},
                       {"legend", report::legend(names)},
                       {"flips_by_kind", report::bar_chart(report::flips_by_kind(names, measured))},
                       {"top5_distance_by_kind", report::bar_chart(report::top5_distance_by_kind(names, measured))}});
}

}  // namespace

std::string robustness_report(const std::vector<ordered_json>& results) {
  std::map<CorruptionSet, std::vector<ordered_json>> corruptions;
  std::vector<ordered_json> perturbations;
  try {
    for (const ordered_json& result : results) {
      const std::string measure = result.at("measure").get<std::string>();
      if (measure != "corruptions" && measure != "perturbations") {
        throw InputError("report", "a result measures '" + measure + "'",
                         "expected results of 'robustness c' and 'robustness p'");
      }
      (measure == "corruptions" ? corruptions[set_of(result)] : perturbations).push_back(result);
    }
    std::string html;
    html += side_by_side(corruptions[CorruptionSet::kC], corruptions[CorruptionSet::kCBar]);
    for (const auto& [set, of_set] : corruptions) {
      if (!of_set.empty()) html += corruption_section(of_set, set);
    }
    if (!perturbations.empty()) html += perturbation_section(perturbations);
    return report::page("Robustness", html);
  } catch (const ordered_json::exception& error) {
    throw InputError("report", concat("a result lacks what it should hold: ", json_problem(error)),
                     "expected the result.json of 'robustness c' or 'robustness p'");
  }
}

}  // namespace assemble
