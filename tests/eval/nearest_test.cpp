// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/nearest.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr Similarity kBoth[] = {Similarity::kCosine, Similarity::kEuclidean};

torch::Tensor all_rows(const torch::Tensor& embeddings) { return torch::arange(embeddings.size(0), torch::kLong); }

/// The slow, obvious way: every similarity in double, sorted.
double similarity(Similarity kind, const torch::Tensor& a, const torch::Tensor& b) {
  if (kind == Similarity::kEuclidean) return -0.5 * (a - b).square().sum().item<double>();
  const auto normalise = [](const torch::Tensor& x) { return x / x.square().sum().clamp_min(1e-12).sqrt(); };
  return (normalise(a) * normalise(b)).sum().item<double>();
}

torch::Tensor slow_nearest(const torch::Tensor& embeddings, const torch::Tensor& queries, Similarity kind, int64_t k) {
  const torch::Tensor exact = embeddings.to(torch::kFloat64);
  torch::Tensor result = torch::empty({queries.numel(), k}, torch::kLong);
  for (int64_t q = 0; q < queries.numel(); ++q) {
    const int64_t query = queries[q].item<int64_t>();
    std::vector<std::pair<double, int64_t>> others;
    for (int64_t row = 0; row < exact.size(0); ++row) {
      if (row != query) others.emplace_back(-similarity(kind, exact[query], exact[row]), row);
    }
    std::sort(others.begin(), others.end());
    for (int64_t i = 0; i < k; ++i) result[q][i] = others[static_cast<size_t>(i)].second;
  }
  return result;
}

void expect_equal(const torch::Tensor& embeddings, int64_t k, const char* what) {
  for (const Similarity kind : kBoth) {
    const torch::Tensor expected = slow_nearest(embeddings, all_rows(embeddings), kind, k);
    const torch::Tensor found = nearest_others(embeddings, all_rows(embeddings),
                                               {.similarity = kind, .k = k, .query_tile = 7, .index_tile = 13});
    EXPECT_TRUE(torch::equal(found, expected)) << what << ", " << similarity_name(kind);
  }
}

TEST(NearestOthers, EqualsTheObviousWay) {
  torch::manual_seed(1);
  for (const int64_t width : {2, 3, 8, 21}) expect_equal(torch::randn({60, width}), 5, "normal");
  expect_equal(torch::rand({40, 12}).relu() * 1e-3, 39, "every other one");
}

TEST(NearestOthers, OfEqualOnesTheFirstComesFirst) {
  torch::manual_seed(2);
  const torch::Tensor few = torch::randint(-1, 2, {70, 2}).to(torch::kFloat32);
  const torch::Tensor found =
      nearest_others(few, all_rows(few), {.similarity = Similarity::kEuclidean, .k = 20, .index_tile = 16});
  EXPECT_TRUE(torch::equal(found, slow_nearest(few, all_rows(few), Similarity::kEuclidean, 20)));
  const torch::Tensor same = torch::ones({5, 3});
  for (const Similarity kind : kBoth) {
    EXPECT_TRUE(torch::equal(nearest_others(same, torch::tensor({2, 0}), {.similarity = kind, .k = 3}),
                             torch::tensor({{0, 1, 3}, {1, 2, 3}})));
  }
}

/// Differences far below the embeddings' size, where f32 products say nothing.
TEST(NearestOthers, IsExactWhereF32IsNot) {
  torch::manual_seed(3);
  expect_equal(torch::randn({50, 9}) * 1e-3 + 10, 6, "far from the origin");
  torch::Tensor outlier = torch::randn({50, 9});
  outlier[17] *= 1e6;
  outlier[18].zero_();
  outlier[19] *= 1e-7;
  expect_equal(outlier, 6, "of very different norms");
}

TEST(NearestOthers, TilesAndThreadsDoNotChangeTheResult) {
  torch::manual_seed(4);
  const torch::Tensor embeddings = torch::randint(-2, 3, {300, 16}).to(torch::kFloat32);
  const int threads = torch::get_num_threads();
  for (const Similarity kind : kBoth) {
    const torch::Tensor expected = nearest_others(embeddings, all_rows(embeddings), {.similarity = kind, .k = 9});
    for (const auto& [query_tile, index_tile] : {std::pair{1, 1}, {300, 300}, {64, 65}, {1000, 11}}) {
      torch::set_num_threads(query_tile % 2 + 1);
      EXPECT_TRUE(
          torch::equal(nearest_others(embeddings, all_rows(embeddings), {kind, 9, query_tile, index_tile}), expected))
          << query_tile << " × " << index_tile;
    }
  }
  torch::set_num_threads(threads);
}

TEST(NearestOthers, QueriesMayBeSomeRowsInAnyOrder) {
  torch::manual_seed(5);
  const torch::Tensor embeddings = torch::randn({40, 6});
  const torch::Tensor queries = torch::tensor({31, 2, 2, 39}, torch::kLong);
  EXPECT_TRUE(torch::equal(nearest_others(embeddings, queries, {.k = 4}),
                           slow_nearest(embeddings, queries, Similarity::kCosine, 4)));
  EXPECT_EQ(nearest_others(embeddings, torch::empty({0}, torch::kLong), {.k = 4}).size(0), 0);
}

TEST(NearestOthers, CosineDoesNotDependOnScale) {
  torch::manual_seed(6);
  const torch::Tensor embeddings = torch::randn({80, 10});
  const torch::Tensor scaled = embeddings * (torch::rand({80, 1}) * 100 + 0.01);
  EXPECT_TRUE(torch::equal(nearest_others(embeddings, all_rows(embeddings), {.k = 7}),
                           nearest_others(scaled, all_rows(scaled), {.k = 7})));
}

TEST(NearestOthers, FollowsAPermutation) {
  torch::manual_seed(7);
  const torch::Tensor embeddings = torch::randn({80, 10});
  const torch::Tensor order = torch::randperm(80, torch::kLong);
  for (const Similarity kind : kBoth) {
    const torch::Tensor before = nearest_others(embeddings, order, {.similarity = kind, .k = 7});
    const torch::Tensor after =
        nearest_others(embeddings.index_select(0, order), all_rows(embeddings), {.similarity = kind, .k = 7});
    EXPECT_TRUE(torch::equal(order.index_select(0, after.flatten()).view_as(after), before));
  }
}

/// 4,000 × 50,000 similarities would take 760 MiB.
TEST(NearestOthers, TakesBoundedMemory) {
  torch::manual_seed(8);
  const torch::Tensor embeddings = torch::randn({50000, 128});
  nearest_others(embeddings.narrow(0, 0, 5000), torch::arange(256), {.k = 8});  // the BLAS library's own buffers
  const auto peak_mib = [] {
    const std::string status = test::read_text("/proc/self/status");
    return std::strtod(status.c_str() + status.find("VmHWM:") + 6, nullptr) / 1024;
  };
  std::ofstream reset("/proc/self/clear_refs");
  if (!(reset << "5" << std::flush)) GTEST_SKIP() << "the peak of resident memory cannot be reset here";
  const double before = peak_mib();
  nearest_others(embeddings, torch::arange(4000), {.k = 8});
  const double taken = peak_mib() - before;
  std::cout << "taken: " << taken << " MiB" << std::endl;
  EXPECT_LT(taken, 60);
}

TEST(NearestOthers, RefusesWhatItCannotRank) {
  const torch::Tensor embeddings = torch::rand({5, 3});
  const torch::Tensor query = torch::tensor({0}, torch::kLong);
  const auto refusal = [&](int64_t k) {
    return test::error_of<UsageError>([&] { nearest_others(embeddings, query, {.k = k}); });
  };
  EXPECT_THAT(refusal(5), HasSubstr("expected 1…4: the index holds 5 embeddings"));
  EXPECT_THAT(refusal(0), HasSubstr("k = 0"));
  EXPECT_THROW(nearest_others(embeddings, torch::tensor({5}, torch::kLong), {}), UsageError);
  EXPECT_THROW(nearest_others(embeddings.to(torch::kFloat64), query, {}), UsageError);
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    torch::Tensor broken = embeddings.clone();
    broken[3][1] = value;
    EXPECT_THAT(test::error_of<InputError>([&] { nearest_others(broken, query, {}); }),
                HasSubstr("embedding 3: holds values that are not finite"));
  }
  EXPECT_THAT(test::error_of<UsageError>([] { parse_similarity("cosin"); }), HasSubstr("expected cosine or euclidean"));
}

}  // namespace
}  // namespace assemble
