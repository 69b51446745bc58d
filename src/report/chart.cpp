// SPDX-License-Identifier: Apache-2.0
#include "chart.h"

#include <algorithm>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "page.h"

namespace assemble::report {
namespace {

/// About what a letter takes in width, pixels.
constexpr double kLetter = 6.6;

struct Axis {
  double top = 1;   ///< largest value shown
  double step = 1;  ///< between grid lines
};

double reach_of(const Series& series, size_t i) {
  return i < series.reaches.size() ? series.reaches[i].value_or(0) : 0;
}

/// From zero to a round number above every value, with 3 to 7 grid lines.
Axis axis_of(const Chart& chart) {
  double most = 0;
  for (const Series& series : chart.series) {
    for (size_t i = 0; i < series.values.size(); ++i) {
      // A long interval is cut off rather than leave the bars no room.
      const double value = series.values[i].value_or(0);
      most = std::max(most, value + std::min(reach_of(series, i), value / 3));
    }
  }
  if (!(most > 0)) return {};
  const double magnitude = std::pow(10, std::floor(std::log10(most)));
  double step = magnitude;
  for (const double part : {0.2, 0.25, 0.5, 1.0, 2.0}) {
    step = part * magnitude;
    if (most / step <= 6) break;
  }
  return {std::ceil(most / step - 1e-9) * step, step};
}

std::string tick(double value, const Axis& axis) {
  int decimals = 0;
  for (double step = axis.step; std::abs(step - std::round(step)) > 1e-9 * step; step *= 10) ++decimals;
  return format_number(value, decimals);
}

std::string pixels(double value) { return format_number(value, 1); }

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return concat("<text x=\"", pixels(x), "\" y=\"", pixels(y), "\" text-anchor=\"", anchor, "\">", escape(text),
                "</text>\n");
}

std::string line_between(double x1, double y1, double x2, double y2, const std::string& classes = "grid") {
  return concat("<line class=\"", classes, "\" x1=\"", pixels(x1), "\" y1=\"", pixels(y1), "\" x2=\"", pixels(x2),
                "\" y2=\"", pixels(y2), "\"/>\n");
}

/// @param shown what the pointer gets to read
std::string rectangle(double x, double y, double width, double height, const std::string& classes,
                      const std::string& shown) {
  return concat("<rect class=\"", classes, "\" x=\"", pixels(x), "\" y=\"", pixels(y), "\" width=\"",
                pixels(std::max(0.0, width)), "\" height=\"", pixels(std::max(0.0, height)), "\"><title>",
                escape(shown), "</title></rect>\n");
}

std::string mark_of(size_t series) { return "mark " + series_class(series); }

std::string open_svg(const std::string& title, double width, double height) {
  return concat("<figure><figcaption>", escape(title), "</figcaption>\n<svg viewBox=\"0 0 ", pixels(width), " ",
                pixels(height), "\" width=\"", pixels(width), R"(" role="img" aria-label=")", escape(title), "\">\n");
}

/// Every how many labels one is shown, so that they stay apart.
size_t label_stride(const std::vector<std::string>& labels, double spacing) {
  size_t longest = 0;
  for (const std::string& label : labels) longest = std::max(longest, label.size());
  const double needed = kLetter * static_cast<double>(longest) + 8;
  return std::max<size_t>(1, static_cast<size_t>(std::ceil(needed / spacing)));
}

}  // namespace

std::string line_chart(const Chart& chart) {
  constexpr double kWidth = 420, kLeft = 48, kRight = 16, kTop = 24, kPlot = 208, kBottom = kTop + kPlot;
  const double height = kBottom + (chart.across.empty() ? 28 : 44);
  const Axis axis = axis_of(chart);
  const double spacing = (kWidth - kLeft - kRight) / std::max<double>(1, static_cast<double>(chart.labels.size()) - 1);
  const auto x = [&](size_t i) { return kLeft + spacing * static_cast<double>(i); };
  const auto y = [&](double value) { return kBottom - kPlot * value / axis.top; };
  std::string svg = open_svg(chart.title, kWidth, height);
  for (double value = 0; value <= axis.top * (1 + 1e-9); value += axis.step) {
    svg += line_between(kLeft, y(value), kWidth - kRight, y(value)) +
           text_at(kLeft - 6, y(value) + 4, "end", tick(value, axis));
  }
  svg += text_at(kLeft - 6, 12, "end", chart.unit);
  const size_t stride = label_stride(chart.labels, spacing);
  for (size_t i = 0; i < chart.labels.size(); i += stride)
    svg += text_at(x(i), kBottom + 20, "middle", chart.labels[i]);
  if (!chart.across.empty()) svg += text_at((kLeft + kWidth - kRight) / 2, height - 6, "middle", chart.across);
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    std::string points, dots;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i]) continue;
      const std::string at_x = pixels(x(i)), at_y = pixels(y(*series.values[i]));
      points += concat(at_x, ",", at_y, " ");
      dots += concat("<circle class=\"", mark_of(s), "\" cx=\"", at_x, "\" cy=\"", at_y, R"(" r="3.5"><title>)",
                     escape(series.name), ", ", escape(chart.labels[i]), ": ", format_number(*series.values[i], 2),
                     "</title></circle>\n");
    }
    svg += concat("<polyline class=\"curve ", series_class(s), "\" points=\"", points, "\"/>\n", dots);
  }
  return svg + "</svg></figure>\n";
}

std::string bar_chart(const Chart& chart) {
  constexpr double kWidth = 420, kRight = 44, kTop = 24, kBar = 13, kGap = 10;
  size_t longest = 0;
  for (const std::string& label : chart.labels) longest = std::max(longest, label.size());
  const double left = std::clamp(kLetter * static_cast<double>(longest) + 12, 126.0, 220.0);
  const double group = kBar * static_cast<double>(chart.series.size()) + kGap;
  const double height = kTop + group * static_cast<double>(chart.labels.size()) + kGap;
  const Axis axis = axis_of(chart);
  const auto x = [&](double value) { return left + (kWidth - left - kRight) * value / axis.top; };
  const int decimals = axis.top < 1 ? 3 : axis.top < 10 ? 2 : 1;
  std::string svg = open_svg(chart.title, kWidth, height);
  for (double value = 0; value <= axis.top * (1 + 1e-9); value += axis.step) {
    svg += line_between(x(value), kTop - 4, x(value), height) + text_at(x(value), 13, "middle", tick(value, axis));
  }
  svg += text_at(left - 14, 13, "end", chart.unit);
  for (size_t i = 0; i < chart.labels.size(); ++i) {
    const double top = kTop + kGap / 2 + group * static_cast<double>(i);
    svg += text_at(left - 8, top + (group - kGap) / 2 + 4, "end", chart.labels[i]);
    for (size_t s = 0; s < chart.series.size(); ++s) {
      const auto& value = chart.series[s].values.at(i);
      if (!value) continue;
      const double y = top + kBar * static_cast<double>(s);
      const std::string shown = format_number(*value, decimals);
      const double reach = reach_of(chart.series[s], i), end = x(std::min(*value + reach, axis.top));
      const std::string more = reach > 0 ? concat(" ± ", format_number(reach, decimals)) : "";
      svg += rectangle(left, y, x(*value) - left, kBar - 2, mark_of(s),
                       concat(chart.series[s].name, ", ", chart.labels[i], ": ", shown, more)) +
             text_at(std::max(left, end) + 4, y + kBar - 3, "start", shown);
      if (reach > 0) {
        const double middle = y + (kBar - 2) / 2;
        svg += line_between(std::max(left, x(*value - reach)), middle, end, middle, "interval");
      }
    }
  }
  return svg + "</svg></figure>\n";
}

std::string reliability_diagram(const std::string& title, const std::vector<CalibrationMeter::Bin>& bins,
                                size_t series) {
  constexpr double kWidth = 420, kHeight = 372, kLeft = 48, kTop = 24, kPlot = 240, kBottom = kTop + kPlot;
  constexpr double kRight = kWidth - 16, kCountsTop = kBottom + 12, kCounts = 44;
  int64_t most = 1;
  for (const auto& bin : bins) most = std::max(most, bin.count);
  const auto x = [&](double confidence) { return kLeft + (kRight - kLeft) * confidence; };
  const auto y = [&](double share) { return kBottom - kPlot * share; };
  std::string svg = open_svg(title, kWidth, kHeight);
  for (int part = 0; part <= 5; ++part) {
    const double value = 0.2 * part;
    svg += line_between(kLeft, y(value), kRight, y(value)) +
           text_at(kLeft - 6, y(value) + 4, "end", std::to_string(20 * part)) +
           text_at(x(value), kCountsTop + kCounts + 16, "middle", std::to_string(20 * part));
  }
  svg += text_at(kLeft - 6, 12, "end", "%") + text_at(kLeft + 4, 12, "start", "predictions that are right") +
         text_at((kLeft + kRight) / 2, kHeight - 6, "middle", "confidence of the prediction, %");
  std::string marks;
  for (size_t b = 0; b < bins.size(); ++b) {
    if (bins[b].count == 0) continue;
    const double count = static_cast<double>(bins[b].count), width = 1 / static_cast<double>(bins.size());
    const double low = width * static_cast<double>(b);
    const double right = static_cast<double>(bins[b].correct) / count, confidence = bins[b].confidence / count;
    const std::string shown = concat(bins[b].count, " predictions with ", format_number(100 * confidence, 1),
                                     " % confidence: ", format_number(100 * right, 1), " % are right");
    const double bar_x = x(low) + 1, bar_width = x(low + width) - x(low) - 2;
    svg += rectangle(bar_x, y(right), bar_width, kPlot * right, "pale " + series_class(series), shown) +
           rectangle(bar_x, kCountsTop + kCounts * (1 - count / static_cast<double>(most)), bar_width,
                     kCounts * count / static_cast<double>(most), "few", shown);
    marks += line_between(x(confidence), y(right), x(confidence), y(confidence), "gap " + series_class(series)) +
             concat("<circle class=\"", mark_of(series), "\" cx=\"", pixels(x(confidence)), "\" cy=\"",
                    pixels(y(right)), R"(" r="4"><title>)", shown, "</title></circle>\n");
  }
  svg += line_between(x(0), y(0), x(1), y(1), "ideal") + marks;
  return svg + "</svg></figure>\n";
}

std::string legend(const std::vector<std::string>& names) {
  std::string html = "<p class=\"legend\">";
  for (size_t s = 0; s < names.size(); ++s) {
    html += concat("<span><i class=\"", series_class(s), "\"></i>", escape(names[s]), "</span> ");
  }
  return html + "</p>\n";
}

}  // namespace assemble::report
