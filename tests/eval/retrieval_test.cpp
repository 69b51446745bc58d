// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/retrieval.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/classification.h"
#include "assemble/io/safetensors.h"
#include "drawn_data.h"
#include "matrices.h"
#include "parity.h"

namespace assemble {
namespace {

using testing::HasSubstr;

/// The slow, obvious way: sorts every query's other images.
/// @return for each query, whether the others are of its class, best first
std::vector<std::vector<bool>> slow_matches(const EmbeddedImages& images, Similarity similarity) {
  const auto square = [](std::span<const float> x) {
    return std::accumulate(x.begin(), x.end(), 0.0, [](double sum, double value) { return sum + value * value; });
  };
  const auto alike = [&](std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double x = a[i], y = b[i];
      sum += similarity == Similarity::kCosine ? x * y : -(x - y) * (x - y);
    }
    return similarity == Similarity::kCosine ? sum / std::sqrt(square(a)) / std::sqrt(square(b)) : sum;
  };
  const Matrix& x = images.embeddings;
  std::vector<std::vector<bool>> matches;
  for (int64_t q = 0; q < x.rows; ++q) {
    const int64_t label = images.labels[static_cast<size_t>(q)];
    if (label == kDistractor) continue;
    std::vector<std::pair<double, int64_t>> others;
    for (int64_t i = 0; i < x.rows; ++i) {
      if (i != q) others.emplace_back(-alike(x.row(q), x.row(i)), i);
    }
    std::sort(others.begin(), others.end());
    std::vector<bool>& of_query = matches.emplace_back();
    for (const auto& other : others) of_query.push_back(images.labels[static_cast<size_t>(other.second)] == label);
  }
  return matches;
}

double slow_recall(const EmbeddedImages& images, Similarity similarity, int64_t k) {
  double hits = 0;
  const auto queries = slow_matches(images, similarity);
  for (const auto& matches : queries)
    hits += std::find(matches.begin(), matches.begin() + k, true) != matches.begin() + k;
  return hits / static_cast<double>(queries.size());
}

/// By the formula of arXiv 2003.08505, section 3.2.
double slow_map_at_r(const EmbeddedImages& images, Similarity similarity) {
  double total = 0;
  const auto queries = slow_matches(images, similarity);
  for (const auto& matches : queries) {
    const auto r = std::count(matches.begin(), matches.end(), true);
    double sum = 0;
    for (int64_t i = 1; i <= r; ++i) {
      const auto found = static_cast<double>(std::count(matches.begin(), matches.begin() + i, true));
      if (matches[static_cast<size_t>(i - 1)]) sum += found / static_cast<double>(i);
    }
    if (r > 0) total += sum / static_cast<double>(r);
  }
  return total / static_cast<double>(queries.size());
}

EmbeddedImages random_images(int64_t count, int64_t classes, bool distractors, uint64_t seed) {
  constexpr int64_t kWidth = 6;
  Random random(seed, RandomPurpose::kDraw);
  const Matrix centres = test::normal_matrix(classes + 1, kWidth, seed + 100);
  EmbeddedImages images{test::normal_matrix(count, kWidth, seed + 200), {}};
  for (int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<int64_t>(random.integer(static_cast<uint64_t>(classes + distractors))) - distractors;
    images.labels.push_back(label);
    for (size_t k = 0; k < kWidth; ++k) {
      float& value = images.embeddings.row(i)[k];
      value = 1.5f * value + centres.row(label + 1)[k];
    }
  }
  return images;
}

/// Places on a line.
EmbeddedImages line(const std::vector<float>& places, std::vector<int64_t> labels) {
  EmbeddedImages images{Matrix(static_cast<int64_t>(places.size()), 1), std::move(labels)};
  images.embeddings.values = places;
  return images;
}

/// Both the stored reference outputs and those given.
TEST(Retrieval, EqualsTheOriginal) {
  std::vector<fs::path> folders{test::stored_golden("")};
  if (const auto golden = test::golden_directory()) folders.push_back(*golden);
  for (const fs::path& folder : folders) {
    const SafetensorsFile file(folder / "metrics.safetensors");
    const auto expected = nlohmann::json::parse(test::read_text(folder / "metrics.json"));
    const EmbeddedImages images{test::read_matrix(file, "embeddings"), test::read_integers(file, "labels")};
    for (const Similarity similarity : {Similarity::kCosine, Similarity::kEuclidean}) {
      double worst = 0;
      for (const auto& [k, recall] : expected.at(similarity_name(similarity)).items()) {
        const RetrievalResult result = measure_retrieval(images, similarity, {std::stoll(k)});
        worst = std::max(worst, std::abs(result.recall[0].second - recall.get<double>()));
      }
      EXPECT_LE(worst, 1e-6);
      test::log_parity("measures", concat("recall@k ", similarity_name(similarity)), "largest difference", worst, 1e-6);
    }
  }
}

TEST(Retrieval, CountsQueriesWithAMatchAmongTheNearest) {
  const EmbeddedImages images = line({0, 1, 3, 5, 9}, {0, 0, 1, 0, 1});
  const RetrievalResult result = measure_retrieval(images, Similarity::kEuclidean, {2, 1, 4});
  EXPECT_EQ(result.queries, 5);
  EXPECT_EQ(result.classes, 2);
  EXPECT_EQ(result.embedding_size, 1);
  // Nearest: 0→1 hit, 1→0 hit, 3→1 (tie of 1 and 5, the first counts) miss, 5→3 miss, 9→5 miss.
  const std::vector<std::pair<int64_t, double>> expected{{2, 4.0 / 5}, {1, 2.0 / 5}, {4, 1.0}};
  EXPECT_EQ(result.recall, expected);
}

TEST(Retrieval, EqualsTheObviousWay) {
  for (const bool distractors : {false, true}) {
    const EmbeddedImages images = random_images(150, 9, distractors, 1);
    for (const Similarity similarity : {Similarity::kCosine, Similarity::kEuclidean}) {
      const RetrievalResult result = measure_retrieval(images, similarity, {1, 2, 5, 20});
      EXPECT_GT(result.recall[0].second, 0.1);
      EXPECT_LT(result.recall[0].second, 0.95);
      for (const auto& [k, share] : result.recall) EXPECT_DOUBLE_EQ(share, slow_recall(images, similarity, k)) << k;
      EXPECT_NEAR(result.map_at_r, slow_map_at_r(images, similarity), 1e-12);
      EXPECT_GT(result.map_at_r, 0.02);
      EXPECT_LT(result.map_at_r, 0.95);
    }
  }
}

/// The worked example: R = 3 with matches at places 1 and 3 (and 5, which is beyond R) gives (1/1 + 2/3) / 3.
TEST(Retrieval, AveragePrecisionLooksAtAsManyPlacesAsThereAreMatches) {
  const EmbeddedImages images = line({0, 1, 2, 3, 4, 5}, {0, 0, 1, 0, 2, 0});
  // Hits from 0 and 1: places 1 and 3. From 3, of equally near ones the first: place 3. From 5: place 2.
  const double total = 2 * (1 + 2.0 / 3) / 3 + 1.0 / 3 / 3 + 1.0 / 2 / 3;
  EXPECT_NEAR(measure_retrieval(images, Similarity::kEuclidean, {1}).map_at_r, total / 6, 1e-12);
  const EmbeddedImages apart = line({0, 1, 100, 101}, {4, 4, 7, 7});
  EXPECT_EQ(measure_retrieval(apart, Similarity::kEuclidean, {1}).map_at_r, 1);
}

/// More neighbours than are kept at a time.
TEST(Retrieval, OneLargeClassTakesBoundedMemory) {
  constexpr int64_t kCount = 3000;
  EmbeddedImages images{test::normal_matrix(kCount, 2, 5), std::vector<int64_t>(kCount, 0)};
  for (int64_t i = 0; i < 10; ++i) images.labels[static_cast<size_t>(i)] = 1;
  const RetrievalResult result = measure_retrieval(images, Similarity::kEuclidean, {1});
  EXPECT_GT(result.map_at_r, 0.98);
  EXPECT_LT(result.map_at_r, 1);
}

TEST(Retrieval, DoesNotDependOnTheOrderOfImagesOrTheNamesOfClasses) {
  const EmbeddedImages images = random_images(120, 7, true, 2);
  Random random(2, RandomPurpose::kShuffle);
  EmbeddedImages permuted{Matrix(120, images.embeddings.columns), {}};
  for (const int64_t from : random_permutation(120, random)) {
    const int64_t label = images.labels[static_cast<size_t>(from)];
    const auto to = static_cast<int64_t>(permuted.labels.size());
    std::ranges::copy(images.embeddings.row(from), permuted.embeddings.row(to).begin());
    permuted.labels.push_back(label == kDistractor ? label : 1000 - 7 * label);
  }
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kEuclidean}) {
    EXPECT_EQ(measure_retrieval(images, similarity, {1, 3}).recall,
              measure_retrieval(permuted, similarity, {1, 3}).recall);
  }
}

TEST(Retrieval, DistractorsAreInTheIndexButNotQueried) {
  const EmbeddedImages images = line({0, 2, 10, 12}, {5, 5, 6, 6});
  EXPECT_EQ(measure_retrieval(images, Similarity::kEuclidean, {1}).recall[0].second, 1.0);
  const EmbeddedImages more = with_distractors(images, test::matrix({{1}}));
  const RetrievalResult result = measure_retrieval(more, Similarity::kEuclidean, {1, 2});
  EXPECT_EQ(result.queries, 4);
  EXPECT_EQ(result.distractors, 1);
  EXPECT_EQ(result.recall[0].second, 0.5) << "the distractor is nearer to 0 and 2 than they are to each other";
  EXPECT_EQ(result.recall[1].second, 1.0);
  EXPECT_THROW(with_distractors(images, Matrix(3, 2)), UsageError);
}

TEST(Retrieval, AClassOfOneImageIsAMiss) {
  std::vector<int64_t> labels(10);
  std::iota(labels.begin(), labels.end(), 0);
  const RetrievalResult result =
      measure_retrieval({test::normal_matrix(10, 4, 3), labels}, Similarity::kCosine, {1, 9});
  EXPECT_EQ(result.without_match, 10);
  EXPECT_EQ(result.recall[1].second, 0);
}

TEST(Retrieval, RefusesWhatItCannotMeasure) {
  const EmbeddedImages images{test::normal_matrix(4, 2, 1), {0, 0, 1, 1}};
  const auto refusal = [&](const std::vector<int64_t>& recall_at) {
    return test::error_of<UsageError>([&] { measure_retrieval(images, Similarity::kCosine, recall_at); });
  };
  EXPECT_THAT(refusal({1, 4}), HasSubstr("`recall_at` 4: the index holds 4 images"));
  EXPECT_THAT(refusal({0}), HasSubstr("0 is below 1"));
  EXPECT_THAT(refusal({}), HasSubstr("names no k"));
  const EmbeddedImages distractors{images.embeddings, std::vector<int64_t>(4, kDistractor)};
  EXPECT_THAT(test::error_of<UsageError>([&] { measure_retrieval(distractors, Similarity::kCosine, {1}); }),
              HasSubstr("all images are distractors"));
  const EmbeddedImages broken{test::filled(4, 2, std::nanf("")), images.labels};
  EXPECT_THROW(measure_retrieval(broken, Similarity::kCosine, {1}), InputError);
}

TEST(Retrieval, JsonHasAKeyForEveryK) {
  const RetrievalResult result = measure_retrieval(line({0, 1, 5}, {3, 3, 4}), Similarity::kEuclidean, {1, 2});
  EXPECT_EQ(to_json(result).dump(),
            "{\"images\":3,\"classes\":2,\"distractors\":0,\"images_without_match\":1,\"embedding_size\":1,"
            "\"similarity\":\"euclidean\",\"recall@1\":0.6666666666666666,\"recall@2\":0.6666666666666666,"
            "\"map@r\":0.6666666666666666}");
  EXPECT_THAT(to_text(result), HasSubstr("66.67 %"));
}

/// The mean of each colour.
Matrix colours(const Images& images) {
  Matrix means(images.count, 3);
  for (int64_t i = 0; i < images.count; ++i) {
    const float* pixels = std::get<const float*>(images.part(i, i + 1).pixels);
    for (int64_t k = 0; k < images.values_per_image(); ++k) means.row(i)[static_cast<size_t>(k % 3)] += pixels[k];
    for (float& mean : means.row(i)) mean /= static_cast<float>(images.values_per_image() / 3);
  }
  return means;
}

TEST(EmbedImages, GivesTheNetworksEmbeddingsInOrder) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 7;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  Loader loader(*dataset, options);
  const EmbeddedImages images = embed_images(colours, "m", loader);
  ASSERT_EQ(images.embeddings.rows, dataset->size());
  ASSERT_EQ(images.embeddings.columns, 3);
  for (int64_t i = 0; i < dataset->size(); ++i) EXPECT_EQ(images.labels[static_cast<size_t>(i)], dataset->label(i));
  Loader whole(*dataset, options);
  Batch batch;
  whole.start(0, 1);
  whole.next(batch);
  const Matrix second = colours(images_of(batch));
  for (int64_t i = 0; i < 7; ++i) {
    EXPECT_THAT(images.embeddings.row(7 + i), testing::ElementsAreArray(second.row(i)));
  }
}

TEST(EmbedImages, NamesTheImageWhoseEmbeddingIsNotFinite) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 4;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  Loader loader(*dataset, options);
  int batches = 0;
  const Network network = [&](const Images& images) {
    Matrix values(images.count, 2);
    if (++batches == 2) values.row(1)[0] = NAN;
    return values;
  };
  EXPECT_THAT(test::error_of<RunError>([&] { embed_images(network, "m.safetensors", loader); }),
              testing::StartsWith("m.safetensors: its outputs for " + dataset->read(5).name + " are not finite"));
}

}  // namespace
}  // namespace assemble
