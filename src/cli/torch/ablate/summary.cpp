// SPDX-License-Identifier: Apache-2.0
#include "torch/ablate/summary.h"

#include <algorithm>

#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "assemble/report/report.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

LadderBaseline baseline_of(const LadderResult& result) {
  return LadderBaseline::of(result.trials.front(), result.ladder.rungs.front().name);
}

size_t index_of(const Ladder& ladder, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(ladder.rungs, name, &Rung::name) - ladder.rungs.begin());
}

/// A measure of every rung; `change` is against the rung that it follows.
struct Column {
  const Measure* measure;
  std::vector<std::optional<Estimate>> means;
  std::vector<std::optional<PairedTest>> changes;
};

/// Of what any rung has.
std::vector<Column> columns_of(const LadderResult& result) {
  const LadderBaseline baseline = baseline_of(result);
  std::vector<Column> columns;
  for (const Measure& measure : measures()) {
    Column column{&measure, {}, {}};
    std::vector<std::optional<std::vector<double>>> values;
    for (size_t i = 0; i < result.trials.size(); ++i) {
      values.push_back(values_of(measure, result.trials[i], baseline));
      column.means.push_back(values.back() ? std::optional(estimate(*values.back())) : std::nullopt);
      const Rung& rung = result.ladder.rungs[i];
      const auto* before = rung.follows.empty() ? nullptr : &values[index_of(result.ladder, rung.follows)];
      const bool compares = before != nullptr && *before && values.back();
      column.changes.push_back(compares ? std::optional(paired_test(**before, *values.back())) : std::nullopt);
    }
    if (std::ranges::any_of(column.means, [](const auto& mean) { return mean.has_value(); })) {
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

std::string with_error(const std::optional<Estimate>& estimate, int decimals, bool is_change = false) {
  if (!estimate) return "–";
  std::string text = format_number(estimate->mean, decimals);
  if (is_change && !text.starts_with('-')) text = "+" + text;
  return estimate->standard_error ? concat(text, " ± ", format_number(*estimate->standard_error, decimals)) : text;
}

std::vector<Column> main_columns(const LadderResult& result) {
  std::vector<Column> columns = columns_of(result);
  std::erase_if(columns, [](const Column& column) { return !column.measure->is_main; });
  return columns;
}

std::vector<std::vector<std::string>> mean_rows(const LadderResult& result, const std::vector<Column>& columns) {
  std::vector<std::vector<std::string>> rows{{"rung"}};
  for (const Column& column : columns) rows[0].emplace_back(column.measure->title);
  for (size_t i = 0; i < result.trials.size(); ++i) {
    rows.push_back({result.ladder.rungs[i].name});
    for (const Column& column : columns) rows.back().push_back(with_error(column.means[i], column.measure->decimals));
  }
  return rows;
}

/// A p below 0.05 is marked.
std::vector<std::vector<std::string>> change_rows(const LadderResult& result, const std::vector<Column>& columns) {
  std::vector<std::vector<std::string>> rows{{"rung", "against"}};
  for (const Column& column : columns) rows[0].emplace_back(column.measure->title);
  for (size_t i = 1; i < result.trials.size(); ++i) {
    const Rung& rung = result.ladder.rungs[i];
    rows.push_back({rung.name, rung.follows});
    for (const Column& column : columns) {
      const auto& change = column.changes[i];
      const bool holds = change && change->p && *change->p < 0.05;
      rows.back().push_back(
          with_error(change ? std::optional(change->change) : std::nullopt, column.measure->decimals, true) +
          (holds ? " *" : ""));
    }
  }
  return rows;
}

std::string text_of_change(const ConfigChange& change) {
  if (!change.now) return "--" + change.key + " left out";
  return concat("--", change.key, " ", *change.now, change.before ? concat(" (was ", *change.before, ")") : "");
}

std::vector<std::vector<std::string>> rung_rows(const LadderResult& result) {
  std::vector<std::vector<std::string>> rows{{"rung", "changes", "network", "epochs"}};
  for (size_t i = 0; i < result.trials.size(); ++i) {
    const Rung& rung = result.ladder.rungs[i];
    std::vector<std::string> changes;
    for (const ConfigChange& change : rung.changes) changes.push_back(text_of_change(change));
    const Trial& first = result.trials[i].front();
    rows.push_back({rung.name, rung.follows.empty() ? "" : concat("of ", rung.follows, ": ", join(changes, ", ")),
                    first.arch, std::to_string(first.epochs)});
  }
  return rows;
}

/// Cells that a browser does not break between a figure and its error.
std::vector<std::vector<std::string>> unbroken(std::vector<std::vector<std::string>> rows) {
  for (std::vector<std::string>& row : rows) {
    for (std::string& cell : row) {
      for (size_t at = cell.find(" ± "); at != std::string::npos; at = cell.find(" ± ", at)) {
        cell.replace(at, std::string_view(" ± ").size(), "\u00A0±\u00A0");
      }
    }
  }
  return rows;
}

std::string how_to_read(const LadderResult& result) {
  const size_t seeds = result.trials.front().size();
  const std::string& first = result.ladder.rungs.front().name;
  const std::string runs = seeds < 2 ? "One run each: how far other seeds lie apart is not known."
                                     : concat("Means of ", seeds, " runs, with the standard error of the mean.");
  const Trial& trial = result.trials.front().front();
  const bool is_relative = !trial.corruptions.corruptions.empty() || !trial.perturbations.empty();
  return is_relative ? concat(runs, " mCE and mFR are relative to ", first, ", which has 100.") : runs;
}

ordered_json to_json(const Estimate& estimate) {
  return {{"mean", estimate.mean},
          {"standard_error", number_or_null(estimate.standard_error)},
          {"interval", estimate.low ? ordered_json{*estimate.low, *estimate.high} : ordered_json()}};
}

ordered_json to_json(const PairedTest& test) {
  ordered_json json = to_json(test.change);
  json["p"] = number_or_null(test.p);
  return json;
}

}  // namespace

std::string ladder_text(const LadderResult& result) {
  const std::vector<Column> columns = main_columns(result);
  std::string text = format_table(rung_rows(result)) + "\n" + format_table(mean_rows(result, columns)) + "\n" +
                     how_to_read(result) + "\n";
  if (result.trials.size() > 1) {
    text += "\n" + format_table(change_rows(result, columns)) +
            "\nChanges against the rung that each follows, seed by seed; *: p < 0.05 in a paired t test.\n";
  }
  return text;
}

ordered_json ladder_json(const LadderResult& result) {
  const std::vector<Column> columns = columns_of(result);
  ordered_json rungs = ordered_json::array();
  for (size_t i = 0; i < result.trials.size(); ++i) {
    const Rung& rung = result.ladder.rungs[i];
    const Trial& first = result.trials[i].front();
    ordered_json json{{"name", rung.name}, {"follows", rung.follows}, {"arch", first.arch}, {"epochs", first.epochs}};
    for (const ConfigChange& change : rung.changes) json["changes"].push_back(text_of_change(change));
    for (const Trial& trial : result.trials[i]) json["seeds"].push_back(trial.seed);
    for (const Column& column : columns) {
      if (!column.means[i]) continue;
      ordered_json& figure = json["measures"][column.measure->key] = to_json(*column.means[i]);
      if (column.changes[i]) figure["change"] = to_json(*column.changes[i]);
    }
    rungs.push_back(std::move(json));
  }
  return {{"title", result.ladder.title}, {"data", result.data}, {"measured_on", result.measured_on}, {"rungs", rungs}};
}

std::string ladder_csv(const LadderResult& result) {
  const LadderBaseline baseline = baseline_of(result);
  std::string csv = "rung,arch,epochs,seed";
  for (const Measure& measure : measures()) csv += concat(",", measure.key);
  for (size_t i = 0; i < result.trials.size(); ++i) {
    for (const Trial& trial : result.trials[i]) {
      csv += concat("\n", csv_cell(result.ladder.rungs[i].name), ",", trial.arch, ",", trial.epochs, ",", trial.seed);
      for (const Measure& measure : measures()) {
        const std::optional<double> value = measure.of(trial, baseline);
        csv += "," + (value ? concat(*value) : "");
      }
    }
  }
  return csv + "\n";
}

std::string ladder_html(const LadderResult& result) {
  const std::vector<Column> columns = main_columns(result);
  LadderPage page{.title = result.ladder.title,
                  .introduction = {concat(result.data, ". ", how_to_read(result)), result.measured_on},
                  .rungs = {},
                  .figures = {},
                  .tables = {{"The rungs, and what each changes.", rung_rows(result)},
                             {how_to_read(result), unbroken(mean_rows(result, columns_of(result)))}}};
  if (result.trials.front().size() > 1)
    page.introduction.emplace_back("Lines in the charts are 95 % intervals of the means.");
  for (const Rung& rung : result.ladder.rungs) page.rungs.push_back(rung.name);
  for (const Column& column : columns) {
    LadderFigure figure{column.measure->title, {}, {}};
    for (const std::optional<Estimate>& mean : column.means) {
      figure.values.push_back(mean ? std::optional(mean->mean) : std::nullopt);
      figure.reaches.push_back(mean && mean->high ? std::optional(*mean->high - mean->mean) : std::nullopt);
    }
    page.figures.push_back(std::move(figure));
  }
  if (result.trials.size() > 1) {
    page.tables.push_back(
        {"Changes against the rung that each follows, seed by seed. A star: p < 0.05 in a paired t test.",
         unbroken(change_rows(result, columns))});
  }
  return ladder_report(page);
}

}  // namespace assemble::cli
