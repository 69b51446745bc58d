// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/label_scores.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "assemble/core/error.h"
#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/image/encode.h"

namespace assemble {
namespace {

/// Rows around one direction for each of `classes`, a class after the other.
Matrix clusters(int64_t classes, int64_t each, double spread) {
  Matrix rows;
  rows.rows = classes * each;
  rows.columns = 8;
  Random random(3, RandomPurpose::kDraw);
  for (int64_t row = 0; row < rows.rows; ++row) {
    for (int64_t i = 0; i < rows.columns; ++i) {
      rows.values.push_back(static_cast<float>((i == row / each ? 1 : 0) + spread * random.normal()));
    }
  }
  return rows;
}

std::vector<int64_t> labels_of(int64_t classes, int64_t each) {
  std::vector<int64_t> labels;
  for (int64_t row = 0; row < classes * each; ++row) labels.push_back(row / each);
  return labels;
}

TEST(LabelScores, WrongLabelsComeFirstWithTheRightOneSuggested) {
  const Matrix rows = clusters(4, 20, 0.1);
  std::vector<int64_t> labels = labels_of(4, 20);
  for (const size_t wrong : {5, 47}) labels[wrong] = (labels[wrong] + 1) % 4;
  const std::vector<LabelScore> scores = score_labels(rows, labels, std::vector<int64_t>(80, -1));
  ASSERT_EQ(scores.size(), 80u);
  EXPECT_THAT((std::vector{scores[0].image, scores[1].image}), testing::UnorderedElementsAre(5, 47));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(scores[i].suggested, scores[i].image / 20);
    EXPECT_LE(scores[i].score, kDoubtedScore);
  }
  EXPECT_GT(scores[2].score, 0.5);
}

TEST(LabelScores, TheVotesAreThoseOfTheFormula) {
  Matrix rows;
  rows.rows = 3;
  rows.columns = 2;
  rows.values = {1, 0, 0.8f, 0.6f, 0.6f, 0.8f};  // cosines 0.8 and 0.6 to the first
  const std::vector<LabelScore> scores =
      score_labels(rows, std::vector<int64_t>{0, 0, 1}, std::vector<int64_t>{-1, -1, -1}, {.temperature = 0.5});
  const auto first = std::ranges::find(scores, 0, &LabelScore::image);
  const double other = std::exp(-0.2 / 0.5);
  EXPECT_NEAR(first->score, (1 - other) / (1 + other), 1e-6);
  EXPECT_EQ(first->suggested, 1);
}

TEST(LabelScores, CopiesDoNotVoteForEachOther) {
  Matrix rows = clusters(2, 10, 0.1);
  std::vector<int64_t> labels = labels_of(2, 10), groups(20, -1);
  for (int64_t i = 0; i < rows.columns; ++i) rows.row(1)[static_cast<size_t>(i)] = rows.row(0)[static_cast<size_t>(i)];
  labels[0] = labels[1] = 1;
  groups[0] = groups[1] = 7;
  const std::vector<LabelScore> scores = score_labels(rows, labels, groups, {.neighbours = 5});
  EXPECT_THAT((std::vector{scores[0].image, scores[1].image}), testing::UnorderedElementsAre(0, 1));
  EXPECT_EQ(scores[0].score, -1);
}

/// Plain images with a little noise: of "red" and "crimson" the same, of "blue" others.
class Colours : public Dataset {
 public:
  int64_t size() const override { return 60; }
  Sample read(int64_t index) const override {
    Image image = Image::create(32, 32);
    Random random(5, RandomPurpose::kDraw, 0, static_cast<uint64_t>(index));
    const int levels[] = {label(index) < 2 ? 200 : 30, 30 + static_cast<int>(random.integer(60)),
                          label(index) < 2 ? 30 : 200};
    for (size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<uint8_t>(levels[i % 3]);
    return {.encoded = encode_png(image), .label = label(index), .name = concat(index), .logits = {}, .boxes = {}};
  }
  int64_t label(int64_t index) const override { return index % 3; }
  const std::vector<std::string>& class_names() const override { return names_; }
  std::string where() const override { return "colours"; }

 private:
  std::vector<std::string> names_{"red", "crimson", "blue"};
};

TEST(LabelScores, OfACheckSayWhichClassesAreAlike) {
  std::vector<OpenSplit> splits;
  splits.push_back({std::nullopt, std::make_unique<Colours>()});
  CheckResult result;
  result.classes = splits[0].images->class_names();
  for (int64_t i = 0; i < 60; ++i) {
    result.images.push_back({.split = 0, .index = i, .label = i % 3, .height = i == 7 ? 0 : 32, .width = 32});
  }
  const Network mean_colour = [](const Images& images) {
    Matrix means(images.count, 3);
    const int64_t pixels = images.height * images.width;
    const float* pixel = std::get<const float*>(images.pixels);
    for (int64_t i = 0; i < images.count * pixels * 3; ++i) {
      means.row(i / (pixels * 3))[static_cast<size_t>(i % 3)] += pixel[i] / 1000;
    }
    return means;
  };
  LoaderOptions loader;
  loader.threads = 2;
  score_labels(result, splits, mean_colour, "means", loader);
  EXPECT_EQ(result.label_scores.size(), 59u);
  std::set<std::string> alike;
  for (const ClassFinding& finding : result.class_findings) alike.insert(finding.kind + " " + finding.class_name);
  EXPECT_THAT(alike, testing::ElementsAre("alike crimson", "alike red"));
}

TEST(LabelScores, PartsHoldEveryClassAndKeepCopiesTogether) {
  std::vector<int64_t> labels, groups(90, -1);
  for (int64_t i = 0; i < 90; ++i) labels.push_back(i % 3);
  groups[0] = groups[3] = groups[4] = 1;
  const std::vector<int> parts = spread_over_parts(labels, groups, 4, 0);
  EXPECT_EQ(parts[0], parts[3]);
  EXPECT_EQ(parts[0], parts[4]);
  std::map<std::pair<int64_t, int>, int> counts;
  for (size_t i = 0; i < 90; ++i) ++counts[{labels[i], parts[i]}];
  EXPECT_EQ(counts.size(), 12U);
  for (const auto& [place, count] : counts) {
    EXPECT_GE(count, 5);
    EXPECT_LE(count, 10);
  }
  EXPECT_EQ(parts, spread_over_parts(labels, groups, 4, 0));
  EXPECT_NE(parts, spread_over_parts(labels, groups, 4, 1));
}

TEST(LabelScores, OfHeldOutImagesAreMargins) {
  std::vector<OpenSplit> splits;
  splits.push_back({std::nullopt, std::make_unique<Colours>()});
  CheckResult result;
  result.classes = splits[0].images->class_names();
  for (int64_t i = 0; i < 60; ++i) {
    const int64_t label = i == 9 ? 2 : i % 3;
    result.images.push_back({.split = 0, .index = i, .label = label, .height = i == 7 ? 0 : 32, .width = 32});
  }
  score_labels(result, splits, 5, [](const Dataset& images, const std::vector<int>& parts) {
    EXPECT_EQ(images.size(), 59);
    EXPECT_EQ(images.label(8), 2) << "the image that cannot be read is passed over";
    EXPECT_EQ(images.read(8).label, 2);
    EXPECT_EQ(*std::ranges::max_element(parts), 4);
    Matrix logits(images.size(), 3);
    for (int64_t i = 0; i < images.size(); ++i) {
      logits.row(i)[static_cast<size_t>((i < 7 ? i : i + 1) % 3)] = std::log(8.0F);
    }
    logits.row(0)[1] = std::nanf("");
    return logits;
  });
  ASSERT_EQ(result.label_scores.size(), 58U) << "one row is not finite";
  EXPECT_EQ(result.label_scores[0].image, 9);
  EXPECT_NEAR(result.label_scores[0].score, -0.7, 1e-6);
  EXPECT_EQ(result.label_scores[0].suggested, 0);
  EXPECT_NEAR(result.label_scores[1].score, 0.7, 1e-6);
}

TEST(LabelScores, FewRows) {
  EXPECT_TRUE(score_labels(Matrix{}, {}, {}).empty());
  Matrix rows = clusters(1, 2, 0.1);
  EXPECT_EQ(score_labels(rows, std::vector<int64_t>{0, 1}, std::vector<int64_t>{-1, -1}).size(), 2u);
  EXPECT_TRUE(score_labels(rows, std::vector<int64_t>{0, 1}, std::vector<int64_t>{3, 3}).empty());
  EXPECT_THROW(score_labels(rows, std::vector<int64_t>{0}, std::vector<int64_t>{3, 3}), UsageError);
}

}  // namespace
}  // namespace assemble
