// SPDX-License-Identifier: Apache-2.0
#include "confusion.h"

#include <algorithm>
#include <numeric>

#include "assemble/core/text.h"
#include "page.h"

namespace assemble::report {
namespace {

int64_t images_of(const ClassificationResult& result, size_t label) {
  const std::vector<int64_t>& row = result.confusion[label];
  return std::accumulate(row.begin(), row.end(), int64_t{0});
}

std::string cell(int64_t count, int64_t images, bool right, const std::string& what) {
  if (count == 0) return "<td></td>";
  const double share = 100 * static_cast<double>(count) / static_cast<double>(images);
  const double depth = right ? 0.6 * share : 15 + 0.85 * share;  // a single mistake is to be seen
  return concat("<td class=\"", right ? "hit" : "miss", "\" style=\"--depth:", format_number(depth, 1), "%\" title=\"",
                escape(what), "\">", count, "</td>");
}

}  // namespace

std::vector<size_t> shown_classes(const ClassificationResult& result) {
  std::vector<size_t> classes(result.confusion.size());
  std::iota(classes.begin(), classes.end(), size_t{0});
  if (classes.size() <= kLargestMatrix) return classes;
  std::vector<int64_t> mistakes(classes.size());
  for (size_t t = 0; t < classes.size(); ++t) {
    for (size_t p = 0; p < classes.size(); ++p) {
      if (t == p) continue;
      mistakes[t] += result.confusion[t][p];
      mistakes[p] += result.confusion[t][p];
    }
  }
  std::stable_sort(classes.begin(), classes.end(), [&](size_t a, size_t b) { return mistakes[a] > mistakes[b]; });
  classes.resize(kLargestMatrix);
  std::sort(classes.begin(), classes.end());
  return classes;
}

std::string confusion_matrix(const ClassificationResult& result, const std::vector<std::string>& names,
                             const std::vector<size_t>& shown) {
  const bool has_others = shown.size() < names.size();
  std::string html = "<div class=\"scroll\"><table class=\"matrix\">\n<tr><th>is \\ taken for</th>";
  for (const size_t p : shown) html += concat("<th><span>", escape(names[p]), "</span></th>");
  html += has_others ? "<th><span>others</span></th></tr>\n" : "</tr>\n";
  for (const size_t t : shown) {
    const int64_t images = images_of(result, t);
    int64_t others = images;
    html += concat("<tr><td>", escape(names[t]), "</td>");
    for (const size_t p : shown) {
      const int64_t count = result.confusion[t][p];
      others -= count;
      html += cell(count, images, t == p,
                   concat(count, " of ", images, " images of ", names[t], " were taken for ", names[p]));
    }
    if (has_others) html += cell(others, images, false, concat(others, " of ", images, " were taken for others"));
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::vector<std::vector<std::string>> confused_pairs(const ClassificationResult& result,
                                                     const std::vector<std::string>& names, size_t most) {
  struct Pair {
    size_t label, predicted;
    int64_t count;
  };
  std::vector<Pair> pairs;
  for (size_t t = 0; t < result.confusion.size(); ++t) {
    for (size_t p = 0; p < result.confusion.size(); ++p) {
      if (t != p && result.confusion[t][p] > 0) pairs.push_back({t, p, result.confusion[t][p]});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return a.count > b.count; });
  pairs.resize(std::min(most, pairs.size()));
  std::vector<std::vector<std::string>> rows{{"is", "taken for", "images", "of its class"}};
  for (const Pair& pair : pairs) {
    const double share = static_cast<double>(pair.count) / static_cast<double>(images_of(result, pair.label));
    rows.push_back(
        {names[pair.label], names[pair.predicted], concat(pair.count), format_number(100 * share, 1) + " %"});
  }
  return rows;
}

}  // namespace assemble::report
