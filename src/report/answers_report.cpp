// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/report.h"
#include "chart.h"
#include "fill.h"
#include "gallery.h"
#include "ladder_parts.h"
#include "page.h"
#include "report/assets.h"

namespace assemble {

std::string answers_report(const AnswersPage& page) {
  std::string diagrams;
  for (size_t i = 0; i < page.networks.size(); ++i) {
    diagrams += report::reliability_diagram(page.networks[i], page.reliability.at(i), i);
  }
  return report::page(page.title, report::fill(report::assets::kAnswersHtml,
                                               {{"introduction", report::paragraphs(page.introduction)},
                                                {"tables", report::text_tables(page.tables)},
                                                {"reliability", diagrams},
                                                {"differences", report::gallery(page.differences, page.networks)}}));
}

}  // namespace assemble
