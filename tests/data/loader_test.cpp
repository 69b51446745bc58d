// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "assemble/core/error.h"
#include "memory_dataset.h"
#include "test_support.h"
#include "thread_limit.h"

namespace assemble {
namespace {

using test::error_of;
using test::expect_equal;
using test::expect_names_of_indices;
using test::indices_of;
using test::load;
using test::MemoryDataset;
using test::options_for;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Loader, EvaluationKeepsOrderAndTheLastPartialBatch) {
  const MemoryDataset data(10);
  const std::vector<Batch> batches = load(data, options_for(false), 0);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_THAT(indices_of(batches), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(batches[2].size, 2);
  EXPECT_THAT(batches[2].labels, ElementsAre(2, 0));
  EXPECT_EQ(batches[2].images.size(), 2u * 16 * 16 * 3);
  std::vector<float> expected(16 * 16 * 3);
  preprocess_eval(data.read(9).encoded, "9", options_for(false).preprocessing, expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batches[2].images.begin() + 16 * 16 * 3));
}

TEST(Loader, SaysWhenThereAreNoMoreThreads) {
  const MemoryDataset data(10);
  const test::NoMoreThreads limit;
  EXPECT_THAT(error_of<RunError>([&] { Loader(data, options_for(false)); }), HasSubstr("could be started"));
}

TEST(Loader, AnyNumberOfBrokenImagesMayBeAllowed) {
  LoaderOptions options = options_for(true);
  options.max_broken = std::numeric_limits<int64_t>::max();
  const MemoryDataset data(10, {0, 3, 4});
  int64_t images = 0;
  for (const Batch& batch : load(data, options, 0)) images += batch.size;
  EXPECT_EQ(images, 8);
}

TEST(Loader, TenCropGivesTenViewsOfEachImage) {
  const MemoryDataset data(5);
  LoaderOptions options = options_for(false);
  options.views = TestViews::kTenCrop;
  const std::vector<Batch> batches = load(data, options, 0);
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].views, 10);
  EXPECT_EQ(batches[0].size, 4);
  constexpr size_t kPixels = 10u * 16 * 16 * 3;
  ASSERT_EQ(batches[0].images.size(), 4 * kPixels);
  std::vector<float> expected(kPixels);
  preprocess_views(data.read(2).encoded, "2", options.preprocessing, TestViews::kTenCrop, expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batches[0].images.begin() + 2 * kPixels));
  EXPECT_EQ(load(data, options_for(false), 0)[0].views, 1);
}

/// Each stored case is a number of images, the repeats, and which places of an unshuffled epoch timm's sampler takes.
TEST(Loader, RepeatedAugmentationTakesTheImagesThatTimmTakes) {
  const auto stored =
      nlohmann::json::parse(test::read_text(test::stored_golden("techniques/repeated_augmentation.json")));
  EXPECT_EQ(stored.size(), 4u);
  for (const nlohmann::json& c : stored) {
    const MemoryDataset data(c[0]);
    LoaderOptions options = options_for(true);
    const std::vector<int64_t> order = indices_of(load(data, options, 3));
    options.repeats = c[1];
    const std::vector<int64_t> taken = indices_of(load(data, options, 3));
    for (size_t place = 0; place < taken.size(); ++place) EXPECT_EQ(taken[place], order[c[2][place]]) << c;
  }
}

TEST(Loader, RepeatsAreAugmentedEachByItself) {
  const MemoryDataset data(10);
  LoaderOptions options = options_for(true);
  options.augmentation.box.max_attempts = 100;
  const std::vector<Batch> once = load(data, options, 3);
  options.repeats = 3;
  const std::vector<Batch> batches = load(data, options, 3);
  const auto image = [](const std::vector<Batch>& of, size_t place) {
    constexpr ptrdiff_t kPixels = 16 * 16 * 3;
    const auto begin = of[place / 4].images.begin() + static_cast<ptrdiff_t>(place % 4) * kPixels;
    return std::vector<float>(begin, begin + kPixels);
  };
  EXPECT_EQ(batches.size(), once.size());
  EXPECT_EQ(image(batches, 0), image(once, 0)) << "the first is what a single one would be";
  EXPECT_EQ(image(batches, 3), image(once, 1));
  EXPECT_NE(image(batches, 0), image(batches, 1));
  EXPECT_NE(image(batches, 1), image(batches, 2));
  EXPECT_NE(image(batches, 4), image(batches, 5)) << "also from one batch to the next";
  options.repeats = 5;
  EXPECT_THAT(error_of<UsageError>([&] { Loader(data, options); }), HasSubstr("`repeats`"));
}

/// Repeats of an image may fall to several ranks, as their batches together are one of the order.
TEST(Loader, RanksShareRepeats) {
  const MemoryDataset data(12);
  LoaderOptions options = options_for(true);
  options.repeats = 3;
  options.batch_size = 8;
  const std::vector<Batch> whole = load(data, options, 1);
  options.batch_size = 4;
  options.world = 2;
  std::vector<int64_t> indices;
  std::vector<float> images;
  for (options.rank = 0; options.rank < 2; ++options.rank) {
    for (const Batch& batch : load(data, options, 1)) {
      indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
      images.insert(images.end(), batch.images.begin(), batch.images.end());
    }
  }
  EXPECT_EQ(indices, indices_of(whole));
  EXPECT_TRUE(std::ranges::equal(images, whole.at(0).images));
}

TEST(Loader, TrainingShufflesAndDropsTheLastPartialBatch) {
  const MemoryDataset data(10);
  const std::vector<Batch> first = load(data, options_for(true), 0), second = load(data, options_for(true), 1);
  ASSERT_EQ(first.size(), 2u);
  const std::vector<int64_t> indices = indices_of(first);
  EXPECT_EQ(std::set<int64_t>(indices.begin(), indices.end()).size(), 8u);
  EXPECT_NE(indices, indices_of(second));
  LoaderOptions other_seed = options_for(true);
  other_seed.seed = 6;
  EXPECT_NE(indices, indices_of(load(data, other_seed, 0)));
}

TEST(Loader, SameBitsForAnyNumberOfThreads) {
  const MemoryDataset data(23, {3, 4, 11});
  for (const bool training : {false, true}) {
    LoaderOptions options = options_for(training, 1);
    options.augmentation.box.max_attempts = 100;
    options.augmentation.color_jitter = 0.3;
    options.augmentation.auto_augment = &auto_augment_policy("good");
    options.augmentation.erasing.probability = 0.3;
    const std::vector<Batch> one = load(data, options, 2);
    for (const int threads : {2, 8}) {
      options.threads = threads;
      options.prefetch = threads;
      expect_equal(load(data, options, 2), one);
    }
  }
}

TEST(Loader, EntersAnEpochAtAnyBatch) {
  const MemoryDataset data(22);
  const std::vector<Batch> whole = load(data, options_for(true), 3);
  const std::vector<Batch> tail = load(data, options_for(true), 3, 2);
  expect_equal(tail, {whole.begin() + 2, whole.end()});
  EXPECT_TRUE(load(data, options_for(true), 3, 5).empty());
}

TEST(Loader, StartDropsWhatWasBegun) {
  const MemoryDataset data(40);
  const LoaderOptions options = options_for(true, 4);
  const std::vector<Batch> expected = load(data, options, 1);
  Loader loader(data, options);
  Batch batch;
  for (int i = 0; i < 20; ++i) {
    loader.start(0);
    for (int k = 0; k < i % 4; ++k) ASSERT_TRUE(loader.next(batch));
  }
  loader.start(1);
  std::vector<Batch> batches;
  while (loader.next(batch)) batches.push_back(batch);
  expect_equal(batches, expected);
  EXPECT_FALSE(loader.next(batch));
}

TEST(Loader, DestructionMidEpochDoesNotHang) {
  const MemoryDataset data(40);
  for (int i = 0; i < 20; ++i) {
    Loader loader(data, options_for(true, 3));
    if (i % 3 > 0) loader.start(0);
    Batch batch;
    if (i % 3 > 1) loader.next(batch);
  }
}

TEST(Loader, EvaluationLeavesBrokenSamplesOut) {
  const MemoryDataset data(10, {0, 4, 5, 6, 7, 9});
  Loader loader(data, options_for(false));
  loader.start(0);
  Batch batch;
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(loader.next(batch));
  EXPECT_THAT(batch.indices, ElementsAre(1, 2, 3));
  expect_names_of_indices(batch);
  EXPECT_EQ(batch.images.size(), 3u * 16 * 16 * 3);
  std::vector<float> expected(16 * 16 * 3);
  preprocess_eval(data.read(1).encoded, "1", options_for(false).preprocessing, expected);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), batch.images.begin()));
  ASSERT_TRUE(loader.next(batch)) << "a batch of broken samples alone is passed over";
  EXPECT_THAT(batch.indices, ElementsAre(8));
  expect_names_of_indices(batch);
  EXPECT_FALSE(loader.next(batch));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("sample 4: truncated JPEG"));
  EXPECT_THAT(log, HasSubstr("left out"));
  EXPECT_EQ(loader.broken(), 6);
}

TEST(Loader, TrainingReplacesBrokenSamplesByTheNextOfTheOrder) {
  const MemoryDataset whole(12);
  const std::vector<int64_t> order = indices_of(load(whole, options_for(true), 0));
  const MemoryDataset data(12, {order[1], order[2], order[11]});
  Loader loader(data, options_for(true));
  loader.start(0);
  std::vector<int64_t> indices;
  for (Batch batch; loader.next(batch);) {
    expect_names_of_indices(batch);
    indices.insert(indices.end(), batch.indices.begin(), batch.indices.end());
  }
  std::vector<int64_t> expected = order;
  expected[1] = expected[2] = order[3];
  expected[11] = order[0];
  EXPECT_EQ(indices, expected);
  EXPECT_EQ(loader.broken(), 3);
  loader.start(1);
  for (Batch batch; loader.next(batch);) EXPECT_EQ(batch.size, 4);
  EXPECT_EQ(loader.broken(), 3) << "the same samples are not counted again";
}

TEST(Loader, GivesUpOnTooManyBrokenSamples) {
  const MemoryDataset data(12, {2, 5, 7});
  for (const bool training : {false, true}) {
    for (const int threads : {1, 4}) {
      LoaderOptions options = options_for(training, threads);
      options.max_broken = 2;
      Loader loader(data, options);
      loader.start(0);
      Batch batch;
      EXPECT_THAT(error_of<InputError>([&] {
                    while (loader.next(batch)) {
                    }
                  }),
                  HasSubstr("memory: more than 2 broken images; the last: sample"));
    }
  }
}

TEST(Loader, NothingReadableIsAnError) {
  const MemoryDataset data(4, {0, 1, 2, 3});
  Loader loader(data, options_for(true));
  loader.start(0);
  Batch batch;
  EXPECT_THAT(error_of<InputError>([&] { loader.next(batch); }), HasSubstr("no image that can be used"));
}

TEST(Loader, FillsTeacherLogitsOnlyWhenAsked) {
  MemoryDataset data(8);
  data.logits = {0.5f, 1.5f, 2.5f};
  LoaderOptions options = options_for(true);
  EXPECT_TRUE(load(data, options, 0)[0].logits.empty());
  options.teacher_logits = true;
  EXPECT_THAT(load(data, options, 0)[0].logits,
              ElementsAre(0.5f, 1.5f, 2.5f, 0.5f, 1.5f, 2.5f, 0.5f, 1.5f, 2.5f, 0.5f, 1.5f, 2.5f));
}

TEST(Loader, WhatSamplesLackIsSaidBeforeAnyIsAskedFor) {
  const MemoryDataset data(8, {0});
  LoaderOptions options = options_for(true);
  options.augmentation.object_boxes = true;
  testing::internal::CaptureStderr();
  const Loader bare(data, options);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("`object_boxes`: the first 8 images have none"));
  options.teacher_logits = true;
  EXPECT_THAT(error_of<InputError>([&] { Loader(data, options); }), HasSubstr("0 teacher logits, expected 3"));
}

TEST(Loader, PassesOnWhatAWorkerThrows) {
  MemoryDataset data(40);
  data.on_read = [](int64_t count) {
    if (count == 6) throw RunError("disk", "gone");
  };
  Loader loader(data, options_for(true, 3));
  loader.start(0);
  Batch batch;
  EXPECT_THAT(error_of<RunError>([&] {
                while (loader.next(batch)) {
                }
              }),
              HasSubstr("disk: gone"));
  loader.start(1);
  EXPECT_TRUE(loader.next(batch)) << "can be started again";
}

TEST(Loader, PreparesNoMoreThanItsPrefetch) {
  MemoryDataset data(400);
  std::atomic<int64_t> reads = 0;
  data.on_read = [&](int64_t count) { reads = count; };
  LoaderOptions options = options_for(true, 4);
  options.prefetch = 2;
  Loader loader(data, options);
  loader.start(0);
  Batch batch;
  for (int64_t taken = 1; taken <= 20; ++taken) {
    ASSERT_TRUE(loader.next(batch));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ASSERT_LE(reads, (taken + options.prefetch) * options.batch_size);
  }
}

TEST(Loader, RefusesWrongOptions) {
  const MemoryDataset data(3);
  EXPECT_THAT(error_of<UsageError>([&] { Loader loader(data, options_for(true)); }),
              HasSubstr("a batch of 4 is larger than the data set of 3 images in memory (set it to at most 3)"));
  const auto refuse = [&](auto change) {
    LoaderOptions options = options_for(false);
    change(options);
    return error_of<UsageError>([&] { Loader loader(data, options); });
  };
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.batch_size = 0; }), HasSubstr("`batch_size`"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.prefetch = 0; }), HasSubstr("prefetch"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.threads = -1; }), HasSubstr("threads"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.rank = 1; }), HasSubstr("0 <= rank < world, not 1 of 1"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.augmentation.box.min_aspect = 0; }), HasSubstr("crop aspect"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.augmentation.box.max_area = 2; }), HasSubstr("crop area"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.augmentation.erasing.probability = 2; }), HasSubstr("random erasing"));
  EXPECT_THAT(refuse([](LoaderOptions& o) { o.training = true, o.views = TestViews::kMirror; }),
              HasSubstr("evaluation alone"));
  EXPECT_THAT(error_of<InputError>([&] { Loader loader(MemoryDataset(0), options_for(false)); }),
              HasSubstr("holds no images"));
  Loader loader(data, options_for(false));
  EXPECT_THAT(error_of<UsageError>([&] { loader.start(0, 2); }), HasSubstr("batch 2 of 1"));
}

TEST(Loader, CountsWhatADamagedDataSetLost) {
  MemoryDataset data(12, {2});
  data.lost = {"shard 1 at offset 10: damaged", "shard 2 at offset 0: damaged"};
  LoaderOptions options = options_for(false);
  options.max_broken = 3;
  ::testing::internal::CaptureStderr();
  Loader loader(data, options);
  loader.start(0);
  for (Batch batch; loader.next(batch);) {
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("shard 2 at offset 0: damaged"));
  EXPECT_EQ(loader.broken(), 3);
  options.max_broken = 1;
  EXPECT_THAT(error_of<InputError>([&] { Loader refusing(data, options); }),
              HasSubstr("more than 1 broken images; the last: shard 2"));
}

TEST(Loader, TakesTinyImagesAndRefusesHugeOnes) {
  class Odd : public MemoryDataset {
   public:
    Odd() : MemoryDataset(3) {}
    Sample read(int64_t index) const override {
      Sample sample = MemoryDataset::read(index);
      if (index == 0) sample.encoded = encode_jpeg(test::wavy_image(1, 1), 90);
      if (index == 1) {
        // The size in the header alone: 20,000 × 20,000.
        const std::array<uint8_t, 4> side{0x4E, 0x20, 0x4E, 0x20};
        const std::array<uint8_t, 2> marker{0xFF, 0xC0};
        const auto frame = std::search(sample.encoded.begin(), sample.encoded.end(), marker.begin(), marker.end());
        std::copy(side.begin(), side.end(), frame + 5);
      }
      return sample;
    }
  };
  const Odd data;
  Loader loader(data, options_for(false));
  loader.start(0);
  Batch batch;
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(loader.next(batch));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("image of 20000×20000 pixels; at most"));
  EXPECT_THAT(batch.indices, ElementsAre(0, 2));
}

TEST(Loader, CountsWaiting) {
  MemoryDataset data(8);
  data.on_read = [](int64_t) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
  Loader loader(data, options_for(false, 1));
  loader.start(0);
  Batch batch;
  while (loader.next(batch)) {
  }
  EXPECT_GT(loader.wait_seconds(), 0.02);
}

}  // namespace
}  // namespace assemble
