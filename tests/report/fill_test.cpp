// SPDX-License-Identifier: Apache-2.0
#include "../../src/report/fill.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assemble::report {
namespace {

TEST(Fill, EscapesTextAndTakesHtmlAsItIs) {
  EXPECT_EQ(fill("<p title=\"{{a}}\">{{{a}}}, {{b}}{{b}}</p>", {{"a", "<i>\""}, {"b", "&"}}),
            "<p title=\"&lt;i&gt;&quot;\"><i>\", &amp;&amp;</p>");
  // A value is never looked through for placeholders.
  EXPECT_EQ(fill("{{a}} {{b}}", {{"a", "{{b}}"}, {"b", "1"}}), "{{b}} 1");
}

TEST(Fill, ALineThatIsOnePlaceholderStandsForTheLinesOfItsValue) {
  const std::string_view html = "<div>\n{{{a}}}\n</div>\n";
  EXPECT_EQ(fill(html, {{"a", "1\n2\n"}}), "<div>\n1\n2\n</div>\n");
  EXPECT_EQ(fill(html, {{"a", ""}}), "<div>\n</div>\n");
  EXPECT_EQ(fill("{{a}}\n<b>{{{a}}}\n", {{"a", "1"}}), "1\n<b>1\n");
}

TEST(Fill, RefusesAPlaceholderWithoutAValue) { EXPECT_THROW(fill("{{a}}", {{"b", ""}}), std::out_of_range); }

}  // namespace
}  // namespace assemble::report
