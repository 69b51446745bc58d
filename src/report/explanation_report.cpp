// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/report/report.h"
#include "chart.h"
#include "fill.h"
#include "half_bars.h"
#include "page.h"
#include "report/assets.h"

namespace assemble {
namespace {

using report::escape;
using report::fill;
using report::percent;

std::string line(const std::string& what, const Prediction::Class& of) {
  return concat("<li>", what, escape(shown_class(of.name)), " ", percent(of.probability), "</li>");
}

std::string card(const ExplanationPage::Shown& shown, const std::vector<std::string>& blocks) {
  const Explanation& explanation = shown.explanation;
  std::string lines = line("", explanation.predicted);
  if (explanation.shown.label != explanation.predicted.label) lines += line("looked for: ", explanation.shown);
  if (!explanation.peak()) lines += "<li>no place speaks for it</li>";
  return fill(report::assets::kExplainedHtml, {{"image", report::data_uri(shown.image)},
                                               {"overlay", report::data_uri(shown.overlay)},
                                               {"description", report::short_path(explanation.image)},
                                               {"lines", lines},
                                               {"bars", report::half_bars(half_weights(blocks, {explanation}))}});
}

std::string kernels(const std::vector<HalfWeight>& weights) {
  if (weights.empty()) return "";
  std::vector<std::vector<std::string>> rows{{"block", "first half", "second half"}};
  for (const HalfWeight& weight : weights) {
    rows.push_back({weight.block, percent(weight.first), percent(1 - weight.first)});
  }
  return "<h2>Selective kernels</h2>\n" +
         report::paragraph(
             "Each selective kernel mixes two halves of its channels, by weights that it finds anew for each image. "
             "The "
             "bars, a kernel each from the first layer to the last, show their means over the channels: from below the "
             "first half, above it the second. Here they are over all images.") +
         report::legend({"first half", "second half"}) + report::half_bars(weights) +
         "<details><summary>In figures</summary>\n" + report::table(rows) + "</details>\n";
}

}  // namespace

std::string explanation_report(const ExplanationPage& page) {
  std::string cards;
  for (const ExplanationPage::Shown& shown : page.images) cards += card(shown, page.blocks);
  return report::page(
      page.title, fill(report::assets::kExplanationHtml, {{"introduction", report::paragraphs(page.introduction)},
                                                          {"images", "<div class=\"gallery\">\n" + cards + "</div>\n"},
                                                          {"kernels", kernels(page.half_weights)}}));
}

}  // namespace assemble
