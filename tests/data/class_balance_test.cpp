// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/class_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "assemble/core/error.h"
#include "memory_dataset.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::MemoryDataset;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<BalancedPlace> order_of(const std::vector<int64_t>& labels, int64_t classes, uint64_t seed = 1) {
  Random random(seed, RandomPurpose::kShuffle);
  return balanced_order(labels, classes, random);
}

TEST(ClassBalance, PriorsAreLogarithmsOfTheShares) {
  const std::vector<int64_t> labels{0, 0, 0, 0, 0, 0, 2, 2, 3};
  const std::vector<float> priors = log_priors(labels, 4);
  EXPECT_FLOAT_EQ(priors[0], -0.51082562f);  // 6 of 10: a class without images counts as one with one
  EXPECT_FLOAT_EQ(priors[1], -2.30258509f);
  EXPECT_FLOAT_EQ(priors[2], -1.60943791f);
  EXPECT_FLOAT_EQ(priors[3], -2.30258509f);
}

TEST(ClassBalance, ImagesWithoutALabelCountForNothing) {
  EXPECT_THAT(log_priors(std::vector<int64_t>{0, -1, 1, -1}, 2), ElementsAre(std::log(0.5f), std::log(0.5f)));
  for (const BalancedPlace& place : order_of({0, -1, 1, -1}, 2)) EXPECT_TRUE(place.sample == 0 || place.sample == 2);
  EXPECT_THAT(test::error_of<UsageError>([] { order_of({-1, -1}, 2); }), HasSubstr("`balance`: no image has a label"));
}

TEST(ClassBalance, AnOrderShowsAllClassesAlikeAndTheirImagesInTurn) {
  std::vector<int64_t> labels(100, 0);
  labels[10] = labels[20] = labels[30] = 1;
  labels[99] = 3;
  const std::vector<BalancedPlace> order = order_of(labels, 4);
  ASSERT_EQ(order.size(), 100u);
  std::map<int64_t, int> of_class;
  std::map<int64_t, int> shown;
  for (const BalancedPlace& place : order) {
    ++of_class[labels[static_cast<size_t>(place.sample)]];
    ++shown[place.sample];
  }
  EXPECT_EQ(of_class.size(), 3u);
  for (const auto& [label, times] : of_class) EXPECT_THAT(times, testing::AnyOf(33, 34)) << label;
  for (const int64_t rare : {10, 20, 30}) EXPECT_THAT(shown[rare], testing::AnyOf(11, 12));
  // Of the 96 images of the first class some third is shown, each once.
  for (const auto& [sample, times] : shown) {
    EXPECT_TRUE(labels[static_cast<size_t>(sample)] != 0 || times == 1) << sample;
  }
}

/// Augmentation is keyed by image and round: no two places are alike.
TEST(ClassBalance, RoundsTellRepeatsOfAnImageApart) {
  const std::vector<BalancedPlace> order = order_of({0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 2);
  std::set<std::pair<int64_t, int32_t>> places;
  for (const BalancedPlace& place : order) places.emplace(place.sample, place.round);
  EXPECT_EQ(places.size(), order.size());
}

TEST(ClassBalance, AnOrderFollowsItsRandomNumbers) {
  const std::vector<int64_t> labels{0, 0, 0, 0, 0, 1, 1, 2};
  const auto samples = [&](uint64_t seed) {
    std::vector<int64_t> all;
    for (const BalancedPlace& place : order_of(labels, 3, seed)) all.push_back(place.sample);
    return all;
  };
  EXPECT_EQ(samples(1), samples(1));
  EXPECT_NE(samples(1), samples(2));
}

TEST(ClassBalance, ALoaderShowsARareImageOftenAndAugmentsItEachTimeAnew) {
  const MemoryDataset data(10);  // labels 0, 1, 2, 0, 1, 2 …
  LoaderOptions options = test::options_for(true);
  options.balanced = true;
  EXPECT_EQ(all_labels(data).size(), 10u);
  const std::vector<Batch> batches = test::load(data, options, 3);
  EXPECT_EQ(test::indices_of(batches), test::indices_of(test::load(data, options, 3)));
  EXPECT_NE(test::indices_of(batches), test::indices_of(test::load(data, options, 4)));
}

}  // namespace
}  // namespace assemble
