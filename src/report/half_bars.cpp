// SPDX-License-Identifier: Apache-2.0
#include "half_bars.h"

#include "assemble/core/text.h"
#include "page.h"

namespace assemble::report {

std::string half_bars(const std::vector<HalfWeight>& weights) {
  if (weights.empty()) return "";
  constexpr double kHeight = 36, kStep = 8, kBar = 6;
  const auto number = [](double value) { return format_number(value, 1); };
  const double width = kStep * static_cast<double>(weights.size());
  std::string svg = concat(R"(<svg class="halves" viewBox="0 0 )", number(width), " ", number(kHeight), "\" width=\"",
                           number(width), R"(" role="img" aria-label="Weights of the selective kernels' halves">)");
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto& [block, first] = weights[i];
    const double top = kHeight * (1 - first);
    const auto part = [&](size_t series, double y, double height) {
      return concat("<rect class=\"mark ", series_class(series), "\" x=\"", number(kStep * static_cast<double>(i)),
                    "\" y=\"", number(y), "\" width=\"", number(kBar), "\" height=\"", number(height), "\"/>");
    };
    svg += concat("<g><title>", escape(block), ": first half ", percent(first), ", second ", percent(1 - first),
                  "</title>", part(1, 0, top), part(0, top, kHeight - top), "</g>");
  }
  return svg + "</svg>\n";
}

}  // namespace assemble::report
