// SPDX-License-Identifier: Apache-2.0
#include "assemble/report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/eval/perturbation_robustness.h"
#include "test_support.h"

namespace assemble {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::Not;

ordered_json common(const std::string& measure, const std::string& network) {
  return {{"measure", measure},
          {"network", network},
          {"arch", "resnet50"},
          {"input_size", 224},
          {"baseline", "b"},
          {"partial", false},
          {"missing", ordered_json::array()},
          {"images", {{"from", "stored set"}}}};
}

ordered_json corruption_result(const std::string& network, double error) {
  ordered_json result = common("corruptions", network);
  CorruptionResults results;
  results.clean = CorruptionResult{10, 0.1, 0.02};
  ordered_json ce = ordered_json::object();
  for (const std::string& name : corruption_names()) {
    for (int severity = 1; severity <= 5; ++severity) results.corruptions[name][severity] = {10, error, 0.05};
    ce[name] = 200 * error;
  }
  result["mce_15"] = 76.25;
  result["ce"] = ce;
  result["measured"] = to_json(results);
  return result;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Report, ShowsNetworksSideBySideAndStandsAlone) {
  const std::string html =
      robustness_report({corruption_result("runs/a/last.safetensors", 0.4), corruption_result("runs/b<c>/last", 0.2)});
  EXPECT_THAT(html, HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(html, HasSubstr("a/last.safetensors"));
  EXPECT_THAT(html, HasSubstr("b&lt;c&gt;/last"));
  EXPECT_THAT(html, Not(HasSubstr("b<c>")));
  EXPECT_THAT(html, HasSubstr("76.25"));
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  EXPECT_EQ(count(html, "<svg"), 4u);
  EXPECT_EQ(count(html, "<svg"), count(html, "</svg>"));
  EXPECT_EQ(count(html, "<rect"), 2u * 2 * 19);
  EXPECT_EQ(count(html, "<polyline"), 2u * 2);
  EXPECT_EQ(count(html, "<circle"), 2u * 2 * 6);
  for (const std::string tag : {"table", "tr", "td", "figure", "p", "text"}) {
    EXPECT_EQ(count(html, "<" + tag + ">") + count(html, "<" + tag + " "), count(html, "</" + tag + ">")) << tag;
  }
}

ordered_json c_bar_result(const std::string& network, double error) {
  ordered_json result = common("corruptions", network);
  CorruptionResults results;
  for (const std::string& name : corruption_names(CorruptionSet::kCBar)) {
    for (int severity = 1; severity <= 5; ++severity) results.corruptions[name][severity] = {10, error, 0.05};
  }
  result.update({{"set", "c-bar"},
                 {"c_bar_error", 100 * error},
                 {"mean_ece", 0.0625},
                 {"ce", ordered_json::object()},
                 {"measured", to_json(results)}});
  return result;
}

TEST(Report, ShowsCAndCBarSideBySide) {
  ordered_json c = corruption_result("a", 0.4);
  c["unnormalised_mce"] = 40.0;
  c["clean_error"] = 0.125;
  c["overlap"] = {{"brightness", {"color_jitter", "random_augment"}}};
  const std::string html = robustness_report({c, c_bar_result("a", 0.5), c_bar_result("b", 0.25)});
  EXPECT_THAT(html, HasSubstr("<tr><td>a</td><td>224</td><td>12.50</td><td>40.00</td><td>50.00</td><td>10.00</td>"
                              "<td>–</td><td>0.0625</td></tr>"));
  EXPECT_THAT(html, Not(HasSubstr("<tr><td>b</td><td>224</td>"))) << "was measured on one set alone";
  EXPECT_THAT(html, HasSubstr("Corruptions of ImageNet-C-bar"));
  EXPECT_THAT(html, HasSubstr("brightness (color_jitter, random_augment)"));
  EXPECT_EQ(count(html, "<svg"), 4u + 3u) << "CE needs a baseline";
  EXPECT_EQ(count(html, "<rect"), 2u * 19 + 2u * 10);
  EXPECT_THAT(robustness_report({c}), Not(HasSubstr("C-bar")));
}

TEST(Report, LeavesGapsAndNamesWhatIsMissing) {
  ordered_json result = corruption_result("a", 0.4);
  result["measured"]["corruptions"].erase("fog");
  result["ce"].erase("fog");
  result["mce_15"] = nullptr;
  result["partial"] = true;
  result["missing"] = {"fog/1", "fog/2"};
  const std::string html = robustness_report({result});
  EXPECT_THAT(html, HasSubstr("missing: fog/1, fog/2"));
  EXPECT_EQ(count(html, "<rect"), 2u * 18);
}

TEST(Report, ShowsSequences) {
  ordered_json result = common("perturbations", "a");
  result["measured"] = to_json(PerturbationResults{{"tilt", {5, 0.25, 1.5}}, {"snow", {5, 0, 0}}});
  const std::string html = robustness_report({result});
  EXPECT_THAT(html, HasSubstr("tilt: 25.0"));
  EXPECT_EQ(count(html, "<rect"), 4u);
}

TEST(Report, RefusesOtherResults) {
  EXPECT_THAT(test::error_of<InputError>([] { robustness_report({{{"top1", 0.5}}}); }), HasSubstr("lacks"));
  EXPECT_THAT(test::error_of<InputError>([] { robustness_report({{{"measure", "shift"}}}); }), HasSubstr("'shift'"));
}

ComparedNetwork compared(const std::string& name, double error) {
  ComparedNetwork network{name, {{3, 2.0, 0.5}, {6, 1.5, 0.75}}, {}, {}, {{"tilt", {5, 0.25, 1.5}}}};
  network.validation.ece = 0.0625;
  network.validation.reliability.assign(10, {4, 3.5, 3});
  for (int severity = 1; severity <= 5; ++severity) network.corruptions.corruptions["fog"][severity] = {10, error, 0};
  return network;
}

TEST(Report, ComparesNetworks) {
  const auto prediction = [](const std::string& name) { return Prediction{"", {{0, name, 0.875}}, ""}; };
  const ClassifiedImage image{{0x89, 'P', 'N', 'G'}, "a <disc>", "disc", {prediction("disc"), prediction("star")}};
  const std::string html =
      comparison_report({{"Title",
                          {"First.", "Second."},
                          {"plain", "put together"},
                          {{"top-1 %", {75, 80}, {1, 2}}},
                          {{"Means.", {{"rung", "top-1 %"}, {"plain", "75.00"}, {"put together", "80.00"}}}}},
                         {compared("plain", 0.5), compared("put together", 0.25)},
                         {},
                         {"Images", "Not picked.", {image}}});
  EXPECT_THAT(html, HasSubstr("<h1>Title</h1>\n<p>First.</p>\n<p>Second.</p>"));
  EXPECT_THAT(html, HasSubstr("<p>Means.</p>\n<div class=\"scroll\"><table>"));
  EXPECT_THAT(html, HasSubstr("<tr><td>put together</td><td>80.00</td></tr>"));
  EXPECT_THAT(html, HasSubstr("put together, 6: 75.00"));
  EXPECT_THAT(html, HasSubstr("plain, ECE 0.0625"));
  // The first network's error is what CE is relative to.
  EXPECT_THAT(html, HasSubstr("<tr><td>fog</td><td>50.00</td><td>100.0</td><td>25.00</td><td>50.0</td></tr>"));
  EXPECT_THAT(html, HasSubstr("<img src=\"data:image/png;base64,iVBORw==\" alt=\"a &lt;disc&gt;\">"));
  EXPECT_THAT(html, HasSubstr("<li class=\"right\"><span class=\"name s0\">plain</span> disc 87.5 %</li>"));
  EXPECT_THAT(html, HasSubstr("<li class=\"wrong\"><span class=\"name s1\">put together</span> star 87.5 %</li>"));
  EXPECT_EQ(count(html, "<svg"), 1u + 2 + 2 + 3);
  for (const std::string tag : {"table", "tr", "td", "figure", "p", "text", "div", "li", "ul", "details"}) {
    EXPECT_EQ(count(html, "<" + tag + ">") + count(html, "<" + tag + " "), count(html, "</" + tag + ">")) << tag;
  }
  EXPECT_THROW(comparison_report({}), UsageError);
}

}  // namespace
}  // namespace assemble
