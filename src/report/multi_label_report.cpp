// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/report/report.h"
#include "chart.h"
#include "fill.h"
#include "ladder_parts.h"
#include "page.h"
#include "report/assets.h"
#include "training_section.h"

namespace assemble {
namespace {

using report::percent;

std::string whole_figures(const MultiLabelResult& result) {
  return report::table(
      {{"images", "mAP", "precision", "recall", "F1", "macro F1", "all classes right", "loss"},
       {concat(result.images), percent(result.map), percent(result.precision), percent(result.recall),
        percent(result.f1), percent(result.macro_f1), percent(result.exact), format_number(result.loss, 4)}});
}

/// The worst first; those without images last.
std::string classes_of(const MultiLabelPage& page) {
  std::vector<size_t> order(page.class_names.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t c) {
    const double precision = page.result.classes[c].average_precision;
    return std::isnan(precision) ? 2 : precision;
  });
  std::vector<std::vector<std::string>> rows{{"class", "images", "average precision", "precision", "recall", "F1"}};
  for (const size_t c : order) {
    const MultiLabelResult::ClassMeasures& of_class = page.result.classes[c];
    rows.push_back({shown_class(page.class_names[c]), concat(of_class.images), percent(of_class.average_precision),
                    percent(of_class.precision), percent(of_class.recall), percent(of_class.f1)});
  }
  return report::table(rows);
}

}  // namespace

std::string multi_label_report(const MultiLabelPage& page) {
  return report::page(
      page.title,
      report::fill(report::assets::kMultiLabelHtml,
                   {{"introduction", report::paragraphs(page.introduction)},
                    {"measures", whole_figures(page.result)},
                    {"training", report::training_section(page.training, "Mean average precision", page.tables)},
                    {"classes", classes_of(page)}}));
}

}  // namespace assemble
