// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/validation.h"

#include <gmock/gmock.h>

#include "assemble/core/error.h"
#include "assemble/eval/classification.h"
#include "assemble/models/network.h"
#include "drawn_data.h"

namespace assemble {
namespace {

using testing::HasSubstr;

LoaderOptions loader_options() {
  LoaderOptions options;
  options.preprocessing = Preprocessing::from_type("imagenet_32a");
  return options;
}

TEST(ValidationMetric, HasNames) {
  EXPECT_EQ(parse_validation_metric("top1"), ValidationMetric::kTop1);
  EXPECT_EQ(parse_validation_metric("recall@1"), ValidationMetric::kRecallAt1);
  EXPECT_THAT(test::error_of<UsageError>([] { parse_validation_metric("recall"); }),
              HasSubstr("expected top1, recall@1 or map"));
}

TEST(ValidationResult, BeforeTheFirstValidationThereAreNoFigures) {
  EXPECT_EQ(ValidationResult{}.score(), 0);
  EXPECT_TRUE(ValidationResult{}.metrics().empty());
}

TEST(Validator, MeasuresWhatItsMetricCallsFor) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = dataset->classes()}, 1);
  Validator by_class(*dataset, loader_options(), {});
  Communicator alone;
  const ValidationResult classified = by_class.run(*model, torch::kCPU, Precision::kF32, alone);
  EXPECT_FALSE(classified.retrieval);
  EXPECT_EQ(classified.score(), classified.classification->top1);
  std::vector<std::string> names;
  for (const auto& [name, value] : classified.metrics()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"loss", "top1", "top5", "ece"}));

  ValidationOptions options{ValidationMetric::kRecallAt1, Similarity::kEuclidean, {4, 2, 2, 1000}};
  Validator by_recall(*dataset, loader_options(), options);
  const ValidationResult retrieved = by_recall.run(*model, torch::kCPU, Precision::kF32, alone);
  EXPECT_FALSE(retrieved.classification);
  Loader loader(*dataset, loader_options());
  const Network embedder = borrow_embedder(*model, torch::kCPU, Precision::kF32);
  const RetrievalResult expected =
      measure_retrieval(embed_images(embedder, "m", loader), Similarity::kEuclidean, {1, 2, 4});
  EXPECT_EQ(retrieved.retrieval->recall, expected.recall) << "1 is always there, 1000 is left out";
  EXPECT_EQ(retrieved.score(), expected.recall[0].second);
  EXPECT_EQ(retrieved.metrics()[1].first, "recall@2");
  EXPECT_EQ(retrieved.metrics().back(), std::pair(std::string("map@r"), expected.map_at_r));
}

TEST(Validator, RetrievalNeedsTwoImages) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const DatasetRange one(*dataset, 0, 1);
  EXPECT_THAT(
      test::error_of<UsageError>([&] { Validator(one, loader_options(), {.metric = ValidationMetric::kRecallAt1}); }),
      HasSubstr("at least 2"));
}

/// A data set of which nothing can be read.
class AllBroken : public DatasetRange {
 public:
  using DatasetRange::DatasetRange;
  Sample read(int64_t) const override { throw InputError("file", "broken"); }
};

TEST(Validator, RefusesImagesOfWhichNotOneCanBeRead) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  const AllBroken broken(*dataset, 0, 3);
  EXPECT_THAT(test::error_of<InputError>([&] { Validator(broken, loader_options(), {}); }),
              HasSubstr("not one image can be read"));
}

TEST(EvaluatePart, PartsCountEveryImageOnce) {
  const auto dataset = open_dataset(test::drawn_data(), Split::kValidation);
  LoaderOptions options;
  options.batch_size = 5;
  options.preprocessing.eval_size = options.preprocessing.eval_resize = 32;
  const auto measure = [&](int rank, int world) {
    const Classifier model = make_classifier(Arch::parse("resnet50+w8"), {.classes = dataset->classes()}, 1);
    LoaderOptions part = options;
    part.rank = rank;
    part.world = world;
    Loader loader(*dataset, part);
    return evaluate_part(make_network(model, torch::kCPU, Precision::kF32), {.classes = dataset->classes()}, loader);
  };
  const ClassificationResult whole = measure(0, 1).result();
  ClassificationMeter sum(dataset->classes());
  for (int rank = 0; rank < 5; ++rank) sum.add_sums(measure(rank, 5).sums(), "part");
  const ClassificationResult result = sum.result();
  EXPECT_EQ(result.images, dataset->size());
  EXPECT_EQ(result.confusion, whole.confusion);
  EXPECT_EQ(result.top1, whole.top1);
  EXPECT_NEAR(result.loss / whole.loss, 1, 1e-6);
}

}  // namespace
}  // namespace assemble
