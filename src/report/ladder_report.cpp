// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/report.h"
#include "chart.h"
#include "fill.h"
#include "ladder_parts.h"
#include "page.h"
#include "report/assets.h"

namespace assemble {
namespace report {

std::string ladder_charts(const LadderPage& page) {
  std::string html;
  for (const LadderFigure& figure : page.figures) {
    html += bar_chart({figure.title, "", page.rungs, {{figure.title, figure.values, figure.reaches}}});
  }
  return html;
}

std::string text_tables(const std::vector<TextTable>& tables) {
  std::string html;
  for (const TextTable& shown : tables) {
    html += paragraph(shown.text);
    if (!shown.rows.empty()) html += table(shown.rows);
    if (shown.more.empty()) continue;
    html += concat("<p><a href=\"", escape(shown.more), "\">", escape(shown.more), "</a> shows them.</p>\n");
  }
  return html;
}

}  // namespace report

std::string ladder_report(const LadderPage& page) {
  return report::page(
      page.title, report::fill(report::assets::kLadderHtml, {{"introduction", report::paragraphs(page.introduction)},
                                                             {"charts", report::ladder_charts(page)},
                                                             {"tables", report::text_tables(page.tables)}}));
}

}  // namespace assemble
