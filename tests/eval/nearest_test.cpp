// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/nearest.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <limits>
#include <numeric>

#include "assemble/core/error.h"
#include "matrices.h"
#include "test_support.h"

namespace assemble {
namespace {

using testing::HasSubstr;

constexpr Similarity kBoth[] = {Similarity::kCosine, Similarity::kEuclidean};

using Rows = std::vector<int64_t>;

Rows all_rows(const Matrix& embeddings) {
  Rows rows(static_cast<size_t>(embeddings.rows));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

/// Whole numbers in low … high, many of them equal.
Matrix integers(int64_t rows, int64_t columns, int low, int high, uint64_t seed) {
  Matrix result(rows, columns);
  Random random(seed, RandomPurpose::kDraw);
  for (float& value : result.values) {
    value = static_cast<float>(low + static_cast<int>(random.integer(static_cast<uint64_t>(high - low + 1))));
  }
  return result;
}

Matrix changed(Matrix matrix, const std::function<float(float)>& change) {
  std::ranges::transform(matrix.values, matrix.values.begin(), change);
  return matrix;
}

/// The slow, obvious way: every similarity in double, sorted.
double similarity(Similarity kind, std::span<const float> a, std::span<const float> b) {
  double product = 0, squares_a = 0, squares_b = 0, distance = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    product += x * y;
    squares_a += x * x;
    squares_b += y * y;
    distance += (x - y) * (x - y);
  }
  if (kind == Similarity::kEuclidean) return -0.5 * distance;
  return product * (1 / std::sqrt(std::max(squares_a, 1e-12))) * (1 / std::sqrt(std::max(squares_b, 1e-12)));
}

Rows slow_nearest(const Matrix& embeddings, const Rows& queries, Similarity kind, int64_t k) {
  Rows result;
  for (const int64_t query : queries) {
    std::vector<std::pair<double, int64_t>> others;
    for (int64_t row = 0; row < embeddings.rows; ++row) {
      if (row != query) others.emplace_back(-similarity(kind, embeddings.row(query), embeddings.row(row)), row);
    }
    std::sort(others.begin(), others.end());
    for (int64_t i = 0; i < k; ++i) result.push_back(others[static_cast<size_t>(i)].second);
  }
  return result;
}

void expect_equal(const Matrix& embeddings, int64_t k, const char* what) {
  for (const Similarity kind : kBoth) {
    const Rows found = nearest_others(embeddings, all_rows(embeddings),
                                      {.similarity = kind, .k = k, .query_tile = 7, .index_tile = 13});
    EXPECT_EQ(found, slow_nearest(embeddings, all_rows(embeddings), kind, k)) << what << ", " << similarity_name(kind);
  }
}

TEST(NearestOthers, EqualsTheObviousWay) {
  for (const int64_t width : {1, 2, 3, 8, 21}) expect_equal(test::normal_matrix(60, width, 1), 5, "normal");
  expect_equal(changed(test::normal_matrix(40, 12, 1), [](float x) { return std::max(x, 0.f) * 1e-3f; }), 39,
               "every other one");
}

/// Panels hold as many rows as the matrix product takes at once: tiles begin and end within them, and so does the last.
TEST(NearestOthers, TilesNeedNotFitThePanels) {
  for (const int64_t rows : {2, 31, 32, 33, 64, 65, 97, 130}) {
    const Matrix embeddings = test::normal_matrix(rows, 5, static_cast<uint64_t>(rows));
    const int64_t k = std::min<int64_t>(rows - 1, 6);
    for (const Similarity kind : kBoth) {
      const Rows expected = slow_nearest(embeddings, all_rows(embeddings), kind, k);
      for (const int64_t index_tile : {1, 5, 31, 32, 33, 48, 100, 4096}) {
        for (const int64_t query_tile : {1, 15, 17, 256}) {
          EXPECT_EQ(nearest_others(embeddings, all_rows(embeddings), {kind, k, query_tile, index_tile}), expected)
              << rows << " rows, tiles " << query_tile << " × " << index_tile;
        }
      }
    }
  }
}

TEST(NearestOthers, OfEqualOnesTheFirstComesFirst) {
  const Matrix few = integers(70, 2, -1, 1, 2);
  const Rows found =
      nearest_others(few, all_rows(few), {.similarity = Similarity::kEuclidean, .k = 20, .index_tile = 16});
  EXPECT_EQ(found, slow_nearest(few, all_rows(few), Similarity::kEuclidean, 20));
  const Matrix same = test::filled(5, 3, 1);
  for (const Similarity kind : kBoth) {
    EXPECT_EQ(nearest_others(same, Rows{2, 0}, {.similarity = kind, .k = 3}), (Rows{0, 1, 3, 1, 2, 3}));
  }
}

/// Differences far below the embeddings' size, where f32 products say nothing.
TEST(NearestOthers, IsExactWhereF32IsNot) {
  expect_equal(changed(test::normal_matrix(50, 9, 3), [](float x) { return x * 1e-3f + 10; }), 6,
               "far from the origin");
  Matrix outlier = test::normal_matrix(50, 9, 4);
  for (float& value : outlier.row(17)) value *= 1e6f;
  for (float& value : outlier.row(18)) value = 0;
  for (float& value : outlier.row(19)) value *= 1e-7f;
  expect_equal(outlier, 6, "of very different norms");
}

TEST(NearestOthers, TilesDoNotChangeTheResult) {
  const Matrix embeddings = integers(300, 16, -2, 2, 4);
  for (const Similarity kind : kBoth) {
    const Rows expected = nearest_others(embeddings, all_rows(embeddings), {.similarity = kind, .k = 9});
    for (const auto& [query_tile, index_tile] : {std::pair{1, 1}, {300, 300}, {64, 65}, {1000, 11}}) {
      EXPECT_EQ(nearest_others(embeddings, all_rows(embeddings), {kind, 9, query_tile, index_tile}), expected)
          << query_tile << " × " << index_tile;
    }
  }
}

TEST(NearestOthers, ThreadsDoNotChangeTheResult) {
  const Matrix embeddings = integers(300, 16, -2, 2, 5);
  const Rows expected = nearest_others(embeddings, all_rows(embeddings), {.k = 9});
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
  CPU_ZERO(&one);
  for (size_t core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &all)) CPU_SET(core, &one);
  }
  sched_setaffinity(0, sizeof(one), &one);
  const Rows found = nearest_others(embeddings, all_rows(embeddings), {.k = 9});
  sched_setaffinity(0, sizeof(all), &all);
  EXPECT_EQ(found, expected);
}

TEST(NearestOthers, QueriesMayBeSomeRowsInAnyOrder) {
  const Matrix embeddings = test::normal_matrix(40, 6, 5);
  const Rows queries{31, 2, 2, 39};
  EXPECT_EQ(nearest_others(embeddings, queries, {.k = 4}), slow_nearest(embeddings, queries, Similarity::kCosine, 4));
  EXPECT_TRUE(nearest_others(embeddings, Rows(), {.k = 4}).empty());
}

TEST(NearestOthers, CosineDoesNotDependOnScale) {
  const Matrix embeddings = test::normal_matrix(80, 10, 6);
  Matrix scaled = embeddings;
  Random random(7, RandomPurpose::kDraw);
  for (int64_t i = 0; i < scaled.rows; ++i) {
    const auto factor = static_cast<float>(random.uniform(0.01, 100));
    for (float& value : scaled.row(i)) value *= factor;
  }
  EXPECT_EQ(nearest_others(embeddings, all_rows(embeddings), {.k = 7}),
            nearest_others(scaled, all_rows(scaled), {.k = 7}));
}

TEST(NearestOthers, FollowsAPermutation) {
  const Matrix embeddings = test::normal_matrix(80, 10, 7);
  Random random(8, RandomPurpose::kDraw);
  const Rows order = random_permutation(80, random);
  Matrix moved(80, 10);
  for (int64_t i = 0; i < 80; ++i) {
    std::ranges::copy(embeddings.row(order[static_cast<size_t>(i)]), moved.row(i).begin());
  }
  for (const Similarity kind : kBoth) {
    const Rows before = nearest_others(embeddings, order, {.similarity = kind, .k = 7});
    Rows after = nearest_others(moved, all_rows(moved), {.similarity = kind, .k = 7});
    for (int64_t& row : after) row = order[static_cast<size_t>(row)];
    EXPECT_EQ(after, before);
  }
}

/// 4,000 × 50,000 similarities would take 760 MiB.
TEST(NearestOthers, TakesBoundedMemory) {
  if (test::is_sanitized()) GTEST_SKIP() << "sanitizers take memory of their own";
  const Matrix embeddings = test::normal_matrix(50000, 128, 8);
  Rows queries(4000);
  std::iota(queries.begin(), queries.end(), 0);
  const auto peak_mib = [] {
    const std::string status = test::read_text("/proc/self/status");
    return std::strtod(status.c_str() + status.find("VmHWM:") + 6, nullptr) / 1024;
  };
  std::ofstream reset("/proc/self/clear_refs");
  if (!(reset << "5" << std::flush)) GTEST_SKIP() << "the peak of resident memory cannot be reset here";
  const double before = peak_mib();
  nearest_others(embeddings, queries, {.k = 8});
  const double taken = peak_mib() - before;
  std::cout << "taken: " << taken << " MiB" << std::endl;
  EXPECT_LT(taken, 60);
}

TEST(NearestOthers, RefusesWhatItCannotRank) {
  const Matrix embeddings = test::normal_matrix(5, 3, 1);
  const Rows query{0};
  const auto refusal = [&](int64_t k) {
    return test::error_of<UsageError>([&] { nearest_others(embeddings, query, {.k = k}); });
  };
  EXPECT_THAT(refusal(5), HasSubstr("expected 1…4: the index holds 5 embeddings"));
  EXPECT_THAT(refusal(0), HasSubstr("k = 0"));
  for (const int64_t row : {5, -1}) EXPECT_THROW(nearest_others(embeddings, Rows{row}, {}), UsageError);
  EXPECT_THROW(nearest_others(Matrix(), Rows(), {}), UsageError);
  EXPECT_THROW(nearest_others(embeddings, query, {.query_tile = 0}), UsageError);
  EXPECT_THROW(nearest_others(embeddings, query, {.index_tile = -1}), UsageError);
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    Matrix broken = embeddings;
    broken.row(3)[1] = value;
    EXPECT_THAT(test::error_of<InputError>([&] { nearest_others(broken, query, {}); }),
                HasSubstr("embedding 3: holds values that are not finite"));
  }
  EXPECT_THAT(test::error_of<UsageError>([] { parse_similarity("cosin"); }), HasSubstr("expected cosine or euclidean"));
}

}  // namespace
}  // namespace assemble
