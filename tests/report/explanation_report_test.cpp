// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../src/report/half_bars.h"
#include "assemble/image/encode.h"
#include "assemble/report/report.h"

namespace assemble {
namespace {

using testing::HasSubstr;
using testing::Not;

ExplanationPage page_of(const Prediction::Class& shown) {
  ExplanationPage page{
      .title = "A <title>", .introduction = {"Some text."}, .images = {}, .blocks = {}, .half_weights = {}};
  const Explanation explanation{.image = "/a/photos/a<b.jpg",
                                .predicted = {0, "cat & dog", 0.875},
                                .shown = shown,
                                .activation = {1, 1, {2}},
                                .first_halves = {0.25},
                                .size = {4, 4},
                                .view = {0, 0, 4, 4}};
  page.images.push_back({explanation, encode_jpeg(Image::create(4, 4), 80), encode_png(Image::create(4, 4))});
  return page;
}

TEST(ExplanationReport, ShowsEachImageBesideItsMap) {
  const std::string html = explanation_report(page_of({0, "cat & dog", 0.875}));
  EXPECT_THAT(html, HasSubstr("<title>A &lt;title&gt;</title>"));
  EXPECT_THAT(html, HasSubstr("<p>Some text.</p>"));
  EXPECT_THAT(html, HasSubstr("src=\"data:image/jpeg;base64,"));
  EXPECT_THAT(html, HasSubstr("src=\"data:image/png;base64,"));
  EXPECT_THAT(html, HasSubstr("<b>photos/a&lt;b.jpg</b><ul><li>cat &amp; dog 87.5 %</li></ul>"));
  EXPECT_THAT(html, Not(HasSubstr("<h2>Selective kernels</h2>")));
  EXPECT_THAT(html, Not(HasSubstr("class=\"halves\"")));
}

TEST(ExplanationReport, SaysWhatWasLookedForAndWhereNothingWasFound) {
  ExplanationPage page = page_of({1, "mouse", 0.125});
  page.images[0].explanation.activation.values = {0};
  const std::string html = explanation_report(page);
  EXPECT_THAT(html, HasSubstr("<li>looked for: mouse 12.5 %</li><li>no place speaks for it</li>"));
}

TEST(ExplanationReport, ShowsTheHalvesOfSelectiveKernels) {
  ExplanationPage page = page_of({0, "cat & dog", 0.875});
  page.blocks = {"layer1.0.conv2"};
  page.half_weights = {{"layer1.0.conv2", 0.5}};
  const std::string html = explanation_report(page);
  EXPECT_THAT(html, HasSubstr("<h2>Selective kernels</h2>"));
  EXPECT_THAT(html, HasSubstr("layer1.0.conv2: first half 25.0 %, second 75.0 %"));
  EXPECT_THAT(html, HasSubstr("<tr><td>layer1.0.conv2</td><td>50.0 %</td><td>50.0 %</td></tr>"));
}

TEST(HalfBars, AreAsHighAsTheWeights) {
  const std::string svg = report::half_bars({{"a<b", 0.25}, {"c", 1}});
  EXPECT_THAT(svg, HasSubstr("<title>a&lt;b: first half 25.0 %, second 75.0 %</title>"));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"mark s1\" x=\"0.0\" y=\"0.0\" width=\"6.0\" height=\"27.0\"/>"
                             "<rect class=\"mark s0\" x=\"0.0\" y=\"27.0\" width=\"6.0\" height=\"9.0\"/>"));
  EXPECT_THAT(svg, HasSubstr("<rect class=\"mark s0\" x=\"8.0\" y=\"0.0\" width=\"6.0\" height=\"36.0\"/>"));
  EXPECT_EQ(report::half_bars({}), "");
}

}  // namespace
}  // namespace assemble
