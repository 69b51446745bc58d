// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "assemble/core/text.h"
#include "assemble/data/imagenet_classes.h"
#include "assemble/image/encode.h"
#include "assemble/report/report.h"
#include "chart.h"
#include "confusion.h"
#include "fill.h"
#include "ladder_parts.h"
#include "page.h"
#include "report/assets.h"
#include "training_section.h"

namespace assemble {
namespace {

using report::escape;
using report::fill;
using report::percent;
using Names = std::vector<std::string>;

namespace assets = report::assets;

constexpr size_t kMostPairs = 12;

std::string measures(const ClassificationResult& result) {
  return report::table(
      {{"images", "top-1", "top-5", "balanced accuracy", "macro F1", "ECE", "loss"},
       {concat(result.images), percent(result.top1), percent(result.top5), percent(result.balanced_accuracy()),
        percent(result.macro_f1()), format_number(result.ece, 4), format_number(result.loss, 4)}});
}

std::string classes(const ClassificationResult& result, const Names& names) {
  std::vector<size_t> order(names.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = [&](size_t label) {
    const double f1 = result.class_f1(label);
    return std::isnan(f1) ? 2 : f1;  // classes without images come last
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  std::vector<Names> rows{{"class", "images", "recall", "precision", "F1"}};
  for (const size_t label : order) {
    const std::vector<int64_t>& row = result.confusion[label];
    rows.push_back({names[label], concat(std::accumulate(row.begin(), row.end(), int64_t{0})),
                    percent(result.class_accuracy(label)), percent(result.class_precision(label)),
                    percent(result.class_f1(label))});
  }
  return report::table(rows);
}

std::string mistake_card(const EvaluationPage& page, size_t index, const Names& names) {
  const Mistake& mistake = page.mistakes[index];
  const auto line = [&](const char* kind, int64_t label, double probability) {
    return concat("<li class=\"", kind, "\">", escape(names[static_cast<size_t>(label)]), " ", percent(probability),
                  "</li>");
  };
  const std::string image = report::data_uri(encode_png(mistake.seen)), description = report::short_path(mistake.name);
  const std::string lines =
      line("wrong", mistake.predicted, mistake.confidence) + line("right", mistake.label, mistake.probability);
  if (page.overlays.empty()) {
    return fill(assets::kCardHtml, {{"image", image}, {"description", description}, {"predictions", lines}});
  }
  constexpr int kQuality = 85;
  return fill(assets::kExplainedHtml, {{"image", image},
                                       {"overlay", report::data_uri(encode_jpeg(page.overlays.at(index), kQuality))},
                                       {"description", description},
                                       {"lines", lines},
                                       {"bars", ""}});
}

std::string gallery(const EvaluationPage& page, const Names& names) {
  if (page.mistakes.empty()) return "";
  std::string cards;
  for (size_t i = 0; i < page.mistakes.size(); ++i) cards += mistake_card(page, i, names);
  return "<h2>Mistakes</h2>\n" +
         fill(assets::kGalleryHtml,
              {{"title", "The mistakes that it was surest of"},
               {"text", concat("Images as the network saw them: with what they were taken for, and the class that they "
                               "have. Wrong labels are often among them.",
                               page.overlays.empty() ? ""
                                                     : " Beside each: the brighter, the more a place spoke for what "
                                                       "the image was taken for.")},
               {"cards", cards}});
}

}  // namespace

std::string evaluation_report(const EvaluationPage& page) {
  Names names;
  for (const std::string& name : page.class_names) names.push_back(shown_class(name));
  const std::vector<size_t> shown = report::shown_classes(page.result);
  const std::vector<Names> pairs = report::confused_pairs(page.result, names, kMostPairs);
  const bool is_whole = shown.size() == names.size();
  const std::string body = fill(
      assets::kEvaluationHtml,
      {{"introduction", report::paragraphs(page.introduction)},
       {"measures", measures(page.result)},
       {"training", report::training_section(page.training, "Top-1 accuracy", page.tables)},
       {"confusion_text",
        concat(
            "How many images of each class were taken for which",
            is_whole ? "." : concat("; of ", names.size(), " classes the ", shown.size(), " with the most mistakes."))},
       {"confusion", report::confusion_matrix(page.result, names, shown)},
       {"pairs", pairs.size() > 1 ? "<h3>Confused most often</h3>\n" + report::table(pairs) : ""},
       {"classes_open", is_whole ? " open" : ""},
       {"classes", classes(page.result, names)},
       {"reliability",
        report::reliability_diagram(concat("ECE ", format_number(page.result.ece, 4)), page.result.reliability, 0)},
       {"mistakes", gallery(page, names)}});
  return report::page(page.title, body);
}

}  // namespace assemble
