// SPDX-License-Identifier: Apache-2.0
#include "assemble/eval/retrieval.h"

#include <gmock/gmock.h>

#include <cmath>

#include "assemble/core/error.h"
#include "assemble/core/text.h"
#include "assemble/eval/classification.h"
#include "assemble/io/safetensors.h"
#include "assemble/models/tensor_file.h"
#include "drawn_data.h"
#include "parity.h"

namespace assemble {
namespace {

using testing::HasSubstr;

/// The slow, obvious way: sorts every query's other images and looks at the first k.
double slow_recall(const EmbeddedImages& images, Similarity similarity, int64_t k) {
  torch::Tensor x = images.embeddings.to(torch::kFloat64);
  if (similarity == Similarity::kCosine) x = x / x.norm(2, {1}, /*keepdim=*/true);
  const auto labels = images.labels.accessor<int64_t, 1>();
  double queries = 0, hits = 0;
  for (int64_t q = 0; q < x.size(0); ++q) {
    if (labels[q] == kDistractor) continue;
    const torch::Tensor score = similarity == Similarity::kCosine ? x.mv(x[q]) : -(x - x[q]).square().sum(1);
    score[q] = -std::numeric_limits<double>::infinity();
    const torch::Tensor order = std::get<1>(score.sort(/*stable=*/true, 0, /*descending=*/true));
    ++queries;
    for (int64_t i = 0; i < k; ++i) {
      if (labels[order[i].item<int64_t>()] != labels[q]) continue;
      ++hits;
      break;
    }
  }
  return hits / queries;
}

EmbeddedImages random_images(int64_t count, int64_t classes, bool distractors) {
  const torch::Tensor labels = torch::randint(distractors ? -1 : 0, classes, {count}, torch::kLong);
  const torch::Tensor centres = torch::randn({classes + 1, 6});
  return {centres.index_select(0, labels + 1) + 1.5 * torch::randn({count, 6}), labels};
}

/// Both the stored reference outputs and those given.
TEST(Retrieval, EqualsTheOriginal) {
  std::vector<fs::path> folders{test::stored_golden("")};
  if (const auto golden = test::golden_directory()) folders.push_back(*golden);
  for (const fs::path& folder : folders) {
    const SafetensorsFile file(folder / "metrics.safetensors");
    const auto expected = nlohmann::json::parse(test::read_text(folder / "metrics.json"));
    const EmbeddedImages images{read_tensor(file, "embeddings"), read_tensor(file, "labels").to(torch::kLong)};
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
  // Places on a line, of the classes 0 0 1 0 1.
  const EmbeddedImages images{torch::tensor({0.f, 1.f, 3.f, 5.f, 9.f}).view({5, 1}), torch::tensor({0, 0, 1, 0, 1})};
  const RetrievalResult result = measure_retrieval(images, Similarity::kEuclidean, {2, 1, 4});
  EXPECT_EQ(result.queries, 5);
  EXPECT_EQ(result.classes, 2);
  EXPECT_EQ(result.embedding_size, 1);
  // Nearest: 0→1 hit, 1→0 hit, 3→1 (tie of 1 and 5, the first counts) miss, 5→3 miss, 9→5 miss.
  const std::vector<std::pair<int64_t, double>> expected{{2, 4.0 / 5}, {1, 2.0 / 5}, {4, 1.0}};
  EXPECT_EQ(result.recall, expected);
}

TEST(Retrieval, EqualsTheObviousWay) {
  torch::manual_seed(1);
  for (const bool distractors : {false, true}) {
    const EmbeddedImages images = random_images(150, 9, distractors);
    for (const Similarity similarity : {Similarity::kCosine, Similarity::kEuclidean}) {
      const RetrievalResult result = measure_retrieval(images, similarity, {1, 2, 5, 20});
      EXPECT_GT(result.recall[0].second, 0.1);
      EXPECT_LT(result.recall[0].second, 0.95);
      for (const auto& [k, share] : result.recall) EXPECT_DOUBLE_EQ(share, slow_recall(images, similarity, k)) << k;
    }
  }
}

TEST(Retrieval, DoesNotDependOnTheOrderOfImagesOrTheNamesOfClasses) {
  torch::manual_seed(2);
  const EmbeddedImages images = random_images(120, 7, true);
  const torch::Tensor order = torch::randperm(120, torch::kLong);
  torch::Tensor labels = images.labels.index_select(0, order);
  labels = torch::where(labels == kDistractor, labels, 1000 - 7 * labels);
  const EmbeddedImages permuted{images.embeddings.index_select(0, order), labels};
  for (const Similarity similarity : {Similarity::kCosine, Similarity::kEuclidean}) {
    EXPECT_EQ(measure_retrieval(images, similarity, {1, 3}).recall,
              measure_retrieval(permuted, similarity, {1, 3}).recall);
  }
}

TEST(Retrieval, DistractorsAreInTheIndexButNotQueried) {
  const EmbeddedImages images{torch::tensor({0.f, 2.f, 10.f, 12.f}).view({4, 1}), torch::tensor({5, 5, 6, 6})};
  EXPECT_EQ(measure_retrieval(images, Similarity::kEuclidean, {1}).recall[0].second, 1.0);
  const EmbeddedImages more = with_distractors(images, torch::tensor({{1.f}}));
  const RetrievalResult result = measure_retrieval(more, Similarity::kEuclidean, {1, 2});
  EXPECT_EQ(result.queries, 4);
  EXPECT_EQ(result.distractors, 1);
  EXPECT_EQ(result.recall[0].second, 0.5) << "the distractor is nearer to 0 and 2 than they are to each other";
  EXPECT_EQ(result.recall[1].second, 1.0);
  EXPECT_THROW(with_distractors(images, torch::zeros({3, 2})), UsageError);
}

TEST(Retrieval, AClassOfOneImageIsAMiss) {
  torch::manual_seed(3);
  const RetrievalResult result =
      measure_retrieval({torch::randn({10, 4}), torch::arange(10)}, Similarity::kCosine, {1, 9});
  EXPECT_EQ(result.without_match, 10);
  EXPECT_EQ(result.recall[1].second, 0);
}

TEST(Retrieval, RefusesWhatItCannotMeasure) {
  const EmbeddedImages images{torch::rand({4, 2}), torch::tensor({0, 0, 1, 1})};
  const auto refusal = [&](const std::vector<int64_t>& recall_at) {
    return test::error_of<UsageError>([&] { measure_retrieval(images, Similarity::kCosine, recall_at); });
  };
  EXPECT_THAT(refusal({1, 4}), HasSubstr("`recall_at` 4: the index holds 4 images"));
  EXPECT_THAT(refusal({0}), HasSubstr("0 is below 1"));
  EXPECT_THAT(refusal({}), HasSubstr("names no k"));
  const EmbeddedImages distractors{torch::rand({4, 2}), torch::full({4}, kDistractor)};
  EXPECT_THAT(test::error_of<UsageError>([&] { measure_retrieval(distractors, Similarity::kCosine, {1}); }),
              HasSubstr("all images are distractors"));
  const EmbeddedImages broken{torch::full({4, 2}, std::nan("")), images.labels};
  EXPECT_THROW(measure_retrieval(broken, Similarity::kCosine, {1}), InputError);
}

TEST(Retrieval, JsonHasAKeyForEveryK) {
  const RetrievalResult result = measure_retrieval({torch::tensor({{0.f}, {1.f}, {5.f}}), torch::tensor({3, 3, 4})},
                                                   Similarity::kEuclidean, {1, 2});
  EXPECT_EQ(to_json(result).dump(),
            "{\"images\":3,\"classes\":2,\"distractors\":0,\"images_without_match\":1,\"embedding_size\":1,"
            "\"similarity\":\"euclidean\",\"recall@1\":0.6666666666666666,\"recall@2\":0.6666666666666666}");
  EXPECT_THAT(to_text(result), HasSubstr("66.67 %"));
}

TEST(EmbedImages, GivesTheNetworksEmbeddingsInOrder) {
  const Classifier model = make_classifier(Arch::parse("resnet50+emb5+w8"), {.classes = 3}, 1);
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 7;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  Loader loader(*dataset, options);
  const EmbeddedImages images = embed_images(*model, loader, torch::kCPU, Precision::kF32);
  EXPECT_TRUE(model->is_training()) << "the mode is put back";
  ASSERT_EQ(images.embeddings.sizes(), (std::vector<int64_t>{dataset->size(), 5}));
  for (int64_t i = 0; i < dataset->size(); ++i) EXPECT_EQ(images.labels[i].item<int64_t>(), dataset->label(i));
  Loader whole(*dataset, options);
  Batch batch;
  whole.start(0, 1);
  whole.next(batch);
  model->eval();
  const torch::NoGradGuard no_grad;
  EXPECT_TRUE(torch::allclose(images.embeddings.narrow(0, 7, 7), model->embed(image_tensor(batch, torch::kCPU))));
}

}  // namespace
}  // namespace assemble
