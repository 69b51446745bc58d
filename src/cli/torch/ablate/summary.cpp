// SPDX-License-Identifier: Apache-2.0
#include "torch/ablate/summary.h"

#include <algorithm>

#include "assemble/core/text.h"
#include "assemble/core/text_file.h"
#include "robustness/robustness.h"

namespace assemble::cli {
namespace {

using nlohmann::ordered_json;

LadderBaseline baseline_of(const LadderResult& result) {
  const Trials& trials = result.whole.empty() ? result.trials.front() : Trials{result.whole.front()};
  return LadderBaseline::of(trials, result.ladder.rungs.front().name);
}

size_t index_of(const Ladder& ladder, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(ladder.rungs, name, &Rung::name) - ladder.rungs.begin());
}

/// A measure of every rung.
struct Column {
  const Measure* measure;
  std::vector<std::optional<Estimate>> means;
  std::vector<std::optional<PairedTest>> changes;  ///< against the rung that each follows
  std::optional<PairedTest> all;                   ///< of the last rung against the first
};

/// What the parts of a whole say: how far its figure is known.
void centre(Estimate& estimate, double value) {
  if (estimate.low) *estimate.low += value - estimate.mean;
  if (estimate.high) *estimate.high += value - estimate.mean;
  estimate.mean = value;
}

/// A measure of each rung: of its trials, and of the whole where they are parts of one.
class Values {
 public:
  Values(const Measure& measure, const LadderResult& result, const LadderBaseline& baseline) {
    const bool has_parts = !result.whole.empty();
    for (size_t i = 0; i < result.trials.size(); ++i) {
      const Trials whole = has_parts ? Trials{result.whole[i]} : Trials();
      values_.push_back(values_of(measure, has_parts && !measure.of_images ? whole : result.trials[i], baseline));
      centres_.push_back(has_parts ? measure.of(result.whole[i], baseline) : std::nullopt);
    }
  }

  std::optional<Estimate> mean(size_t rung) const {
    if (!values_[rung]) return std::nullopt;
    Estimate mean = estimate(*values_[rung]);
    if (centres_[rung]) centre(mean, *centres_[rung]);
    return mean;
  }

  std::optional<PairedTest> change(size_t before, size_t rung) const {
    if (!values_[before] || !values_[rung]) return std::nullopt;
    PairedTest test = paired_test(*values_[before], *values_[rung]);
    if (centres_[before] && centres_[rung]) centre(test.change, *centres_[rung] - *centres_[before]);
    return test;
  }

 private:
  std::vector<std::optional<std::vector<double>>> values_;
  std::vector<std::optional<double>> centres_;
};

/// Of what any rung has.
std::vector<Column> columns_of(const LadderResult& result) {
  const LadderBaseline baseline = baseline_of(result);
  const size_t rungs = result.trials.size();
  std::vector<Column> columns;
  for (const Measure& measure : measures()) {
    Column column{&measure, {}, {}, {}};
    const Values values(measure, result, baseline);
    for (size_t i = 0; i < rungs; ++i) {
      const std::string& follows = result.ladder.rungs[i].follows;
      column.means.push_back(values.mean(i));
      column.changes.push_back(follows.empty() ? std::nullopt : values.change(index_of(result.ladder, follows), i));
    }
    column.all = values.change(0, rungs - 1);
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
std::string text_of(const std::optional<PairedTest>& test, int decimals) {
  if (!test) return with_error(std::nullopt, decimals);
  return with_error(test->change, decimals, /*is_change=*/true) + (test->p && *test->p < 0.05 ? " *" : "");
}

std::vector<std::vector<std::string>> change_rows(const LadderResult& result, const std::vector<Column>& columns) {
  const std::vector<Rung>& rungs = result.ladder.rungs;
  std::vector<std::vector<std::string>> rows{{"rung", "against"}};
  for (const Column& column : columns) rows[0].emplace_back(column.measure->title);
  for (size_t i = 1; i < rungs.size(); ++i) {
    rows.push_back({rungs[i].name, rungs[i].follows});
    for (const Column& column : columns) rows.back().push_back(text_of(column.changes[i], column.measure->decimals));
  }
  if (rungs.back().follows != rungs.front().name) {
    rows.push_back({rungs.back().name, rungs.front().name});
    for (const Column& column : columns) rows.back().push_back(text_of(column.all, column.measure->decimals));
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

/// What standard errors are of.
std::string what_is_known(const LadderResult& result) {
  const size_t seeds = result.trials.front().size();
  if (!result.whole.empty()) {
    const std::string one = concat("One run each, of seed ", result.whole.front().seed, ": other seeds give others.");
    return seeds < 2 ? one : concat(one, " Standard errors are those of the images, by ", seeds, " parts of them.");
  }
  return seeds < 2 ? "One run each: how far other seeds lie apart is not known."
                   : concat("Means of ", seeds, " runs, with the standard error of the mean.");
}

std::string how_to_read(const LadderResult& result) {
  const Trial& trial = result.trials.front().front();
  const bool is_relative = !trial.corruptions.corruptions.empty() || !trial.perturbations.empty();
  const std::string& first = result.ladder.rungs.front().name;
  return what_is_known(result) +
         (is_relative ? concat(" mCE and mFR are relative to ", first, ", which has 100.") : "");
}

std::string how_to_read_changes(const LadderResult& result) {
  return concat("Changes against the rung that each follows, ",
                result.whole.empty() ? "seed by seed" : "part by part of the images",
                "; *: p < 0.05 in a paired t test.");
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
    text += "\n" + format_table(change_rows(result, columns)) + "\n" + how_to_read_changes(result) + "\n";
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
  ordered_json all = ordered_json::object();
  for (const Column& column : columns) {
    if (column.all) all[column.measure->key] = to_json(*column.all);
  }
  return {{"title", result.ladder.title},
          {"data", result.data},
          {"measured_on", result.measured_on},
          {"rungs", rungs},
          {"last_against_first", all}};
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

LadderPage ladder_page(const LadderResult& result) {
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
    page.tables.push_back({how_to_read_changes(result), unbroken(change_rows(result, columns))});
  }
  return page;
}

}  // namespace assemble::cli
