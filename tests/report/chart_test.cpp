// SPDX-License-Identifier: Apache-2.0
#include "../../src/report/chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/report/page.h"

namespace assemble::report {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Of two bins: 3 of 4 right at a mean confidence of 0.4, 1 of 2 right at 0.9.
std::string diagram() { return reliability_diagram("a & b", {{4, 1.6, 3}, {2, 1.8, 1}}, 1); }

TEST(ReliabilityDiagram, PutsBarsDotsAndGapsInTheirPlaces) {
  const std::string svg = diagram();
  EXPECT_THAT(svg, HasSubstr("role=\"img\" aria-label=\"a &amp; b\""));
  // The plot spans x 48 … 404 and y 264 (0 %) … 24 (100 %).
  EXPECT_THAT(svg, HasSubstr("<rect class=\"pale s1\" x=\"49.0\" y=\"84.0\" width=\"176.0\" height=\"180.0\">"));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"pale s1\" x=\"227.0\" y=\"144.0\" width=\"176.0\" height=\"120.0\">"));
  EXPECT_THAT(svg, HasSubstr("<circle class=\"mark s1\" cx=\"190.4\" cy=\"84.0\""));
  EXPECT_THAT(svg, HasSubstr("<line class=\"gap s1\" x1=\"190.4\" y1=\"84.0\" x2=\"190.4\" y2=\"168.0\"/>"));
  EXPECT_THAT(svg, HasSubstr("<line class=\"ideal\" x1=\"48.0\" y1=\"264.0\" x2=\"404.0\" y2=\"24.0\"/>"));
  EXPECT_THAT(svg, HasSubstr("4 predictions with 40.0 % confidence: 75.0 % are right"));
  // Half as many predictions, half as high a bar.
  EXPECT_THAT(svg, HasSubstr("<rect class=\"few\" x=\"49.0\" y=\"276.0\" width=\"176.0\" height=\"44.0\">"));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"few\" x=\"227.0\" y=\"298.0\" width=\"176.0\" height=\"22.0\">"));
}

TEST(ReliabilityDiagram, LeavesOutEmptyBins) {
  const std::string svg = reliability_diagram("none", std::vector<CalibrationMeter::Bin>(10), 0);
  EXPECT_THAT(svg, Not(HasSubstr("<rect")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(LineChart, LeavesOutLabelsThatWouldOverlap) {
  Chart chart{"t", "%", {}, {{"n", {}}}, "epoch"};
  for (int epoch = 100; epoch < 130; ++epoch) {
    chart.labels.push_back(std::to_string(epoch));
    chart.series[0].values.push_back(epoch);
  }
  const std::string svg = line_chart(chart);
  // 356 pixels over 29 steps are 12.3 a step; three letters need 27.8: every third is shown.
  EXPECT_THAT(svg, HasSubstr(">100</text>"));
  EXPECT_THAT(svg, HasSubstr("y=\"252.0\" text-anchor=\"middle\">103</text>"));
  EXPECT_THAT(svg, Not(HasSubstr(">101</text>")));
  EXPECT_THAT(svg, HasSubstr("<text x=\"226.0\" y=\"270.0\" text-anchor=\"middle\">epoch</text>"));
  EXPECT_THAT(svg, HasSubstr("<circle class=\"mark s0\" cx=\"404.0\""));
}

TEST(BarChart, BarsAreAsLongAsTheirValues) {
  const std::string svg = bar_chart({"t", "%", {"fog"}, {{"a", {50}}, {"b", {std::nullopt}}, {"c", {100}}}});
  // 100 is the end of the axis, 250 pixels from its start.
  EXPECT_THAT(svg, HasSubstr("<rect class=\"mark s0\" x=\"126.0\" y=\"29.0\" width=\"125.0\" height=\"11.0\">"));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"mark s2\" x=\"126.0\" y=\"55.0\" width=\"250.0\" height=\"11.0\">"));
  EXPECT_THAT(svg, Not(HasSubstr("mark s1")));
}

TEST(Page, EscapesTextAndEmbedsImages) {
  EXPECT_EQ(table({{"a<b", "c"}, {"1", "\"2\" & 3"}}),
            "<div class=\"scroll\"><table>\n<tr><th>a&lt;b</th><th>c</th></tr>\n"
            "<tr><td>1</td><td>&quot;2&quot; &amp; 3</td></tr>\n</table></div>\n");
  // RFC 4648, section 10.
  EXPECT_EQ(data_uri({'f'}), "data:image/jpeg;base64,Zg==");
  EXPECT_EQ(data_uri({'f', 'o'}), "data:image/jpeg;base64,Zm8=");
  EXPECT_EQ(data_uri({'f', 'o', 'o', 'b', 'a', 'r'}), "data:image/jpeg;base64,Zm9vYmFy");
  EXPECT_EQ(data_uri({0x89, 'P', 'N', 'G'}), "data:image/png;base64,iVBORw==");
  EXPECT_EQ(series_class(8), "s1");
}

TEST(BarChart, IntervalsAreLinesThatTheChartCutsOff) {
  const Chart plain{"t", "%", {"a", "b"}, {{"top-1", {80, 90}}}};
  Chart chart = plain;
  EXPECT_THAT(bar_chart(plain), Not(HasSubstr("interval")));
  chart.series[0].reaches = {2.5, std::nullopt};
  EXPECT_THAT(bar_chart(chart), AllOf(HasSubstr("class=\"interval\""), HasSubstr("top-1, a: 80.0 ± 2.5"),
                                      HasSubstr("top-1, b: 90.0</title>")));
  chart.series[0].reaches = {1000, std::nullopt};
  EXPECT_THAT(bar_chart(chart), HasSubstr("x2=\"376.0\""));
}

}  // namespace
}  // namespace assemble::report
