// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/mistakes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "assemble/core/text.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Images of one pixel, of a gray that tells them apart, as a network with mean 10 and deviation 2 gets them.
Batch batch_of(const std::vector<int64_t>& labels, int first_gray) {
  Batch batch;
  batch.size = static_cast<int64_t>(labels.size());
  batch.side = 1;
  batch.labels = labels;
  for (int64_t i = 0; i < batch.size; ++i) {
    const auto gray = static_cast<float>(first_gray + i);
    batch.images.insert(batch.images.end(), 3, (gray - 10) / 2);
    batch.names.push_back(concat("image ", first_gray + i));
  }
  return batch;
}

Mistakes mistakes(size_t most) {
  Preprocessing preprocessing;
  preprocessing.mean = {10, 10, 10};
  preprocessing.deviation = {2, 2, 2};
  return {preprocessing, LossType::kSoftmax, most};
}

std::vector<std::string> names(const Mistakes& mistakes) {
  std::vector<std::string> all;
  for (const Mistake& mistake : mistakes.kept()) all.push_back(mistake.name);
  return all;
}

TEST(Mistakes, KeepsThoseOfWhichTheNetworkWasSurest) {
  Mistakes kept = mistakes(2);
  kept.add(batch_of({0, 0, 1}, 100), test::matrix({{0, 1}, {5, 0}, {3, 0}}));
  kept.add(batch_of({1, 1}, 103), test::matrix({{2, 0}, {9, 0}}));
  EXPECT_THAT(names(kept), testing::ElementsAre("image 104", "image 102"));
  EXPECT_NEAR(kept.kept()[1].confidence, 0.95257413, 1e-6);
  EXPECT_NEAR(kept.kept()[1].probability, 0.04742587, 1e-6);
  EXPECT_EQ(kept.kept()[1].label, 1);
  EXPECT_EQ(kept.kept()[1].predicted, 0);
}

TEST(Mistakes, ShowImagesAsTheyWereBeforeMeanAndDeviation) {
  Mistakes kept = mistakes(9);
  kept.add(batch_of({0, 0}, 200), test::matrix({{1, 0}, {0, 1}}));
  EXPECT_THAT(kept.kept().at(0).seen.pixels, testing::ElementsAre(201, 201, 201));
}

TEST(Mistakes, PassesOverLogitsThatAreNoNumbers) {
  Mistakes kept = mistakes(9);
  kept.add(batch_of({0}, 1), test::matrix({{kNan, 1}}));
  EXPECT_TRUE(kept.kept().empty());
}

}  // namespace
}  // namespace assemble
