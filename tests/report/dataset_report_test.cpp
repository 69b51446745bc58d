// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "assemble/core/text.h"
#include "assemble/report/report.h"

namespace assemble {
namespace {

using testing::HasSubstr;
using testing::Not;

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

CheckResult checked() {
  CheckResult result;
  result.splits = {{"train", "data/train", 3, {3, 0}, {{".mp4", 2}}, {}}, {"test", "data/test", 1, {0, 1}, {}, {}}};
  result.classes = {"cat", "n01440764"};
  for (int64_t i = 0; i < 4; ++i) {
    result.images.push_back({.split = i < 3 ? 0u : 1u,
                             .index = i,
                             .label = i < 3 ? 0 : 1,
                             .name = concat("a <b> & \"", i, "\".png"),
                             .height = i == 1 ? 0 : 40,
                             .width = 50});
  }
  result.faults = {{1, ImageFault::kBroken, "the file is <empty>"}, {2, ImageFault::kBlurred, "sharpness 0.05"}};
  result.of_most = {ImageFault::kGray};
  result.duplicates = {{{{0, 0, Likeness::kSameBytes}, {3, 0, Likeness::kMirrored}}, true, false, true}};
  result.class_findings = {{"too_small", "cat", "has 3 train images"}};
  result.label_scores = {{2, -0.75, 1}, {0, 0.5, 1}};
  return result;
}

TEST(DatasetReport, ShowsWhatWasFoundAndWhatToDo) {
  const auto thumbnail = [](int64_t image) { return image == 1 ? Bytes{} : Bytes{0x89, 'P', 'N', 'G'}; };
  const std::string html = dataset_report("Check of <data>", checked(), thumbnail);
  EXPECT_THAT(html, HasSubstr("<h1>Check of &lt;data&gt;</h1>"));
  EXPECT_THAT(html, HasSubstr("4 images (3 train, 1 test) of 2 classes."));
  EXPECT_THAT(html, HasSubstr("other files are passed over: 2 .mp4"));
  EXPECT_THAT(html, HasSubstr("Most images are gray"));
  EXPECT_THAT(html, HasSubstr("<tr><td>cat</td><td>has 3 train images</td></tr>"));
  EXPECT_THAT(html, HasSubstr("<tr><td>cat</td><td>3</td><td>0</td></tr>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"#leaks\">The same image in several splits</a></td><td>1 group</td>"));
  EXPECT_THAT(html, HasSubstr("<h2 id=\"leaks\">The same image in several splits: 1 group</h2>"));
  EXPECT_THAT(html, HasSubstr("<li>mirrored, of a &lt;b&gt; &amp; &quot;0&quot;.png</li>"));
  EXPECT_THAT(html, HasSubstr("<h2 id=\"broken\">Files that cannot be read: 1 image</h2>"));
  EXPECT_THAT(html, HasSubstr("cannot be shown"));
  EXPECT_THAT(html, HasSubstr("<li>the file is &lt;empty&gt;</li>"));
  EXPECT_THAT(html, HasSubstr("rather n01440764"));
  EXPECT_THAT(html, HasSubstr("score -0.75"));
  EXPECT_EQ(count(html, "<img"), 4u);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("http")));
  EXPECT_THAT(html, Not(HasSubstr("<b> &")));
  for (const std::string tag : {"table", "tr", "td", "p", "div", "li", "ul", "details", "h2", "a"}) {
    EXPECT_EQ(count(html, "<" + tag + ">") + count(html, "<" + tag + " "), count(html, "</" + tag + ">")) << tag;
  }
}

TEST(DatasetReport, ShowsTheFirstOfMany) {
  CheckResult result;
  result.splits = {{"images", "data", 100, {}, {}, {}}};
  for (int64_t i = 0; i < 100; ++i) {
    result.images.push_back({.split = 0, .index = i, .label = -1, .name = "x", .height = 1, .width = 1});
    result.faults.push_back({i, ImageFault::kDark, "dark"});
  }
  int64_t asked = 0;
  const std::string html = dataset_report("t", result, [&](int64_t) {
    ++asked;
    return Bytes{};
  });
  EXPECT_EQ(asked, 60);
  EXPECT_THAT(html, HasSubstr("The first 60 are shown; --json lists all 100."));
}

TEST(DatasetReport, SaysThatNothingWasFound) {
  CheckResult result;
  result.splits = {{"images", "data", 1, {}, {}, {}}};
  result.images.push_back({.split = 0, .index = 0, .label = -1, .name = "x", .height = 1, .width = 1});
  EXPECT_THAT(dataset_report("t", result, [](int64_t) { return Bytes{}; }), HasSubstr("Nothing was found."));
}

}  // namespace
}  // namespace assemble
