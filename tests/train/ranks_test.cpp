// SPDX-License-Identifier: Apache-2.0
#include "assemble/train/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/data/dataset.h"
#include "assemble/eval/classification.h"
#include "assemble/models/network.h"
#include "drawn_data.h"
#include "in_ranks.h"

namespace assemble {
namespace {

using test::free_port;
using test::in_ranks;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Gather, BringsEveryTextToRankZero) {
  std::vector<std::vector<std::string>> gathered(3);
  in_ranks(3, [&](const Ranks& ranks) {
    gathered[static_cast<size_t>(ranks.rank)] = gather(ranks, "test", concat("text of ", ranks.rank), 60);
  });
  EXPECT_THAT(gathered[0], ElementsAre("text of 0", "text of 1", "text of 2"));
  EXPECT_THAT(gathered[1], IsEmpty());
  EXPECT_THAT(gathered[2], IsEmpty());
  EXPECT_THAT(gather({}, "test", "alone"), ElementsAre("alone"));
}

TEST(Gather, SaysWhenARankDoesNotCome) {
  const Ranks ranks{.rank = 0, .world = 2, .port = free_port()};
  EXPECT_THAT(test::error_of<RunError>([&] { gather(ranks, "test", "x", 1); }), testing::HasSubstr("rank 0 of 2"));
  EXPECT_THROW(gather({.rank = 2, .world = 2}, "test", "x"), UsageError);
}

TEST(Gather, EvaluationInPartsCountsEveryImageOnce) {
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
