// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/report.h"
#include "chart.h"
#include "fill.h"
#include "page.h"
#include "report/assets.h"

namespace assemble {

std::string ladder_report(const LadderPage& page) {
  std::string introduction, charts, tables;
  for (const std::string& text : page.introduction) introduction += report::paragraph(text);
  for (const LadderFigure& figure : page.figures) {
    charts += report::bar_chart({figure.title, "", page.rungs, {{figure.title, figure.values, figure.reaches}}});
  }
  for (const TextTable& table : page.tables) tables += report::paragraph(table.text) + report::table(table.rows);
  return report::page(page.title,
                      report::fill(report::assets::kLadderHtml,
                                   {{"introduction", introduction}, {"charts", charts}, {"tables", tables}}));
}

}  // namespace assemble
