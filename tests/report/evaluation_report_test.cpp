// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/text.h"
#include "assemble/report/report.h"

namespace assemble {
namespace {

using testing::HasSubstr;
using testing::Not;

/// `right` images of each class that were found, and one of each that was taken for the next class.
EvaluationPage page_of(size_t classes, int64_t right) {
  EvaluationPage page{.title = "A <title>",
                      .introduction = {"What it is."},
                      .training = {},
                      .tables = {},
                      .result = {},
                      .class_names = {},
                      .mistakes = {}};
  page.result.confusion.assign(classes, std::vector<int64_t>(classes));
  for (size_t c = 0; c < classes; ++c) {
    page.class_names.push_back(concat("class & ", c));
    page.result.confusion[c][c] = right;
    page.result.confusion[c][(c + 1) % classes] += 1;
  }
  page.result.images = static_cast<int64_t>(classes) * (right + 1);
  page.result.reliability.resize(10);
  return page;
}

TEST(EvaluationReport, ShowsWhichClassesAreTakenForWhich) {
  EvaluationPage page = page_of(3, 3);
  page.result.confusion[0][2] = 4;
  const std::string html = evaluation_report(page);
  EXPECT_THAT(html, HasSubstr("<title>A &lt;title&gt;</title>"));
  EXPECT_THAT(html, HasSubstr("title=\"4 of 8 images of class &amp; 0 were taken for class &amp; 2\">4</td>"));
  EXPECT_THAT(html, HasSubstr("style=\"--depth:57.5%\""));
  EXPECT_THAT(html, HasSubstr("<tr><td>class &amp; 0</td><td>class &amp; 2</td><td>4</td><td>50.0 %</td></tr>"));
  EXPECT_THAT(html, Not(HasSubstr("others")));
  EXPECT_THAT(html, Not(HasSubstr("<h2>Training</h2>")));
  EXPECT_THAT(html, Not(HasSubstr("<h2>Mistakes</h2>")));
}

TEST(EvaluationReport, TheWorstClassesComeFirst) {
  EvaluationPage page = page_of(4, 5);
  page.result.confusion[2] = {9, 0, 1, 0};
  const std::string html = evaluation_report(page);
  const std::string row = "<tr><td>class &amp; 2</td><td>10</td><td>10.0 %</td><td>50.0 %</td><td>16.7 %</td></tr>";
  EXPECT_THAT(html, HasSubstr(row));
  EXPECT_LT(html.find(row), html.find("<tr><td>class &amp; 1</td><td>6</td>"));
}

TEST(EvaluationReport, OfManyClassesTheMatrixShowsThoseWithTheMostMistakes) {
  EvaluationPage page = page_of(1000, 9);
  page.result.confusion[700][30] = 50;
  const std::string html = evaluation_report(page);
  EXPECT_THAT(html, HasSubstr("of 1000 classes the 24 with the most mistakes"));
  EXPECT_THAT(html, HasSubstr("50 of 60 images of class &amp; 700 were taken for class &amp; 30"));
  EXPECT_THAT(html, HasSubstr("were taken for others"));
  EXPECT_LT(html.size(), 400'000u);
}

TEST(EvaluationReport, ShowsTheTrainingAndTheMistakesWhereTheyAreKnown) {
  EvaluationPage page = page_of(2, 1);
  for (int64_t epoch = 1; epoch <= 500; ++epoch) page.training.push_back({epoch, 1.0 / epoch, 0.5, 0.1});
  page.tables.push_back({"Where the time went.", {{"part", "time"}, {"forward", "3 s"}}});
  page.mistakes.push_back({"/a/longer/path/to/photos/a<b.jpg", 1, 0, 0.875, 0.125, Image::create(4, 4)});
  const std::string html = evaluation_report(page);
  EXPECT_THAT(html, HasSubstr("<h2>Training</h2>"));
  EXPECT_THAT(html, HasSubstr("Learning rate, 500: 0.10</title>"));
  EXPECT_THAT(html, Not(HasSubstr("Learning rate, 2: ")));
  EXPECT_THAT(html, HasSubstr("Where the time went."));
  EXPECT_THAT(html, HasSubstr("data:image/png;base64,"));
  EXPECT_THAT(html, HasSubstr("<b>photos/a&lt;b.jpg</b>"));
  EXPECT_THAT(html,
              HasSubstr("<li class=\"wrong\">class &amp; 0 87.5 %</li><li class=\"right\">class &amp; 1 12.5 %</li>"));
}

TEST(EvaluationReport, ShowsWhatSpokeForTheClassThatAMistakeWasTakenFor) {
  EvaluationPage page = page_of(2, 1);
  page.mistakes.push_back({"photos/a.jpg", 1, 0, 0.875, 0.125, Image::create(4, 4)});
  EXPECT_THAT(evaluation_report(page), Not(HasSubstr("class=\"pair\"")));
  page.overlays = {Image::create(4, 4)};
  const std::string html = evaluation_report(page);
  EXPECT_THAT(html, HasSubstr("class=\"pair\""));
  EXPECT_THAT(html, HasSubstr("data:image/png;base64,"));
  EXPECT_THAT(html, HasSubstr("data:image/jpeg;base64,"));
  EXPECT_THAT(html, HasSubstr("the more a place spoke for what the image was taken for"));
  EXPECT_THAT(html,
              HasSubstr("<li class=\"wrong\">class &amp; 0 87.5 %</li><li class=\"right\">class &amp; 1 12.5 %</li>"));
}

}  // namespace
}  // namespace assemble
