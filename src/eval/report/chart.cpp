// SPDX-License-Identifier: Apache-2.0
#include "chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"

namespace assemble::report {
namespace {

/// Okabe and Ito's colours, told apart by colour-blind people too.
constexpr std::array<const char*, 7> kColors{"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                             "#e69f00", "#56b4e9", "#555555"};

const char* color(size_t series) { return kColors[series % kColors.size()]; }

struct Axis {
  double top = 1;   ///< largest value shown
  double step = 1;  ///< between grid lines
};

/// From zero to a round number above every value, with 4 to 10 grid lines.
Axis axis_of(const Chart& chart) {
  double most = 0;
  for (const Series& series : chart.series) {
    for (const auto& value : series.values) most = std::max(most, value.value_or(0));
  }
  if (!(most > 0)) return {};
  const double magnitude = std::pow(10, std::floor(std::log10(most)));
  double step = magnitude;
  for (const double part : {0.2, 0.25, 0.5, 1.0}) {
    step = part * magnitude;
    if (most / step <= 6) break;
  }
  return {std::ceil(most / step - 1e-9) * step, step};
}

std::string tick(double value, const Axis& axis) {
  return format_number(value, axis.step < 0.1 ? 2 : axis.step < 1 ? 1 : 0);
}

std::string pixels(double value) { return format_number(value, 1); }

std::string text_at(double x, double y, const char* anchor, const std::string& text) {
  return concat("<text x=\"", pixels(x), "\" y=\"", pixels(y), "\" text-anchor=\"", anchor, "\">", escape(text),
                "</text>\n");
}

std::string line_between(double x1, double y1, double x2, double y2) {
  return concat("<line class=\"grid\" x1=\"", pixels(x1), "\" y1=\"", pixels(y1), "\" x2=\"", pixels(x2), "\" y2=\"",
                pixels(y2), "\"/>\n");
}

std::string open_svg(const Chart& chart, double width, double height) {
  return concat("<figure><figcaption>", escape(chart.title), "</figcaption>\n<svg viewBox=\"0 0 ", pixels(width), " ",
                pixels(height), "\" width=\"", pixels(width), "\" role=\"img\" aria-label=\"", escape(chart.title),
                "\">\n");
}

}  // namespace

std::string escape(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string line_chart(const Chart& chart) {
  constexpr double kWidth = 420, kHeight = 260, kLeft = 48, kRight = 16, kTop = 24, kBottom = 28;
  const Axis axis = axis_of(chart);
  const auto x = [&](size_t i) {
    const double last = std::max<double>(1, static_cast<double>(chart.labels.size()) - 1);
    return kLeft + (kWidth - kLeft - kRight) * static_cast<double>(i) / last;
  };
  const auto y = [&](double value) { return kHeight - kBottom - (kHeight - kTop - kBottom) * value / axis.top; };
  std::string svg = open_svg(chart, kWidth, kHeight);
  for (double value = 0; value <= axis.top * (1 + 1e-9); value += axis.step) {
    svg += line_between(kLeft, y(value), kWidth - kRight, y(value)) +
           text_at(kLeft - 6, y(value) + 4, "end", tick(value, axis));
  }
  svg += text_at(kLeft - 6, 12, "end", chart.unit);
  for (size_t i = 0; i < chart.labels.size(); ++i) svg += text_at(x(i), kHeight - 8, "middle", chart.labels[i]);
  for (size_t s = 0; s < chart.series.size(); ++s) {
    const Series& series = chart.series[s];
    std::string points, dots;
    for (size_t i = 0; i < series.values.size(); ++i) {
      if (!series.values[i]) continue;
      const std::string at_x = pixels(x(i)), at_y = pixels(y(*series.values[i]));
      points += at_x + "," + at_y + " ";
      dots += concat("<circle cx=\"", at_x, "\" cy=\"", at_y, "\" r=\"3.5\" fill=\"", color(s), "\"><title>",
                     escape(series.name), ", ", escape(chart.labels[i]), ": ", format_number(*series.values[i], 2),
                     "</title></circle>\n");
    }
    svg += concat("<polyline fill=\"none\" stroke-width=\"2\" stroke=\"", color(s), "\" points=\"", points, "\"/>\n",
                  dots);
  }
  return svg + "</svg></figure>\n";
}

std::string bar_chart(const Chart& chart) {
  constexpr double kWidth = 860, kLeft = 150, kRight = 56, kTop = 24, kBar = 13, kGap = 10;
  const double group = kBar * static_cast<double>(chart.series.size()) + kGap;
  const double height = kTop + group * static_cast<double>(chart.labels.size()) + kGap;
  const Axis axis = axis_of(chart);
  const auto x = [&](double value) { return kLeft + (kWidth - kLeft - kRight) * value / axis.top; };
  std::string svg = open_svg(chart, kWidth, height);
  for (double value = 0; value <= axis.top * (1 + 1e-9); value += axis.step) {
    svg += line_between(x(value), kTop - 4, x(value), height) + text_at(x(value), 13, "middle", tick(value, axis));
  }
  svg += text_at(kLeft - 14, 13, "end", chart.unit);
  for (size_t i = 0; i < chart.labels.size(); ++i) {
    const double top = kTop + kGap / 2 + group * static_cast<double>(i);
    svg += text_at(kLeft - 8, top + (group - kGap) / 2 + 4, "end", chart.labels[i]);
    for (size_t s = 0; s < chart.series.size(); ++s) {
      const auto& value = chart.series[s].values.at(i);
      if (!value) continue;
      const double y = top + kBar * static_cast<double>(s);
      const std::string shown = format_number(*value, axis.top < 10 ? 2 : 1);
      svg += concat("<rect x=\"", pixels(kLeft), "\" y=\"", pixels(y), "\" width=\"",
                    pixels(std::max(0.0, x(*value) - kLeft)), "\" height=\"", pixels(kBar - 2), "\" fill=\"", color(s),
                    "\"><title>", escape(chart.series[s].name), ", ", escape(chart.labels[i]), ": ", shown,
                    "</title></rect>\n") +
             text_at(std::max(kLeft, x(*value)) + 4, y + kBar - 3, "start", shown);
    }
  }
  return svg + "</svg></figure>\n";
}

std::string legend(const std::vector<std::string>& names) {
  std::string html = "<p class=\"legend\">";
  for (size_t s = 0; s < names.size(); ++s) {
    html += concat("<span><i style=\"background:", color(s), "\"></i>", escape(names[s]), "</span> ");
  }
  return html + "</p>\n";
}

}  // namespace assemble::report
