// SPDX-License-Identifier: Apache-2.0
// Loaders that share an epoch, go on where another stopped, or write to memory of the caller's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory_resource>
#include <numeric>

#include "assemble/core/error.h"
#include "assemble/data/loader.h"
#include "memory_dataset.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::expect_equal;
using test::indices_of;
using test::load;
using test::MemoryDataset;
using test::options_for;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Loader, GoesOnFromASavedStateWithTheSameBits) {
  const MemoryDataset data(40, {3, 17});
  const std::vector<Batch> whole = load(data, options_for(true), 2);
  for (const size_t cut : {0u, 3u, 9u, 10u}) {
    Loader first(data, options_for(true, 8));
    first.start(2);
    Batch batch;
    for (size_t i = 0; i < cut; ++i) ASSERT_TRUE(first.next(batch));
    const LoaderState saved = LoaderState::from_json(first.state().to_json(), "state");
    EXPECT_EQ(saved, first.state());
    Loader second(data, options_for(true, 1));
    second.restore(saved);
    std::vector<Batch> rest;
    while (second.next(batch)) rest.push_back(batch);
    expect_equal(rest, {whole.begin() + static_cast<std::ptrdiff_t>(cut), whole.end()});
    EXPECT_EQ(second.broken(), 2) << "what was counted before is not forgotten";
  }
  EXPECT_THAT(error_of<InputError>([] { LoaderState::from_json("{}", "state.json"); }), HasSubstr("state.json"));
  Loader loader(data, options_for(true));
  EXPECT_THAT(error_of<UsageError>([&] { loader.restore({0, 0, 16, {40}}); }), HasSubstr("does not fit"));
  EXPECT_THAT(error_of<UsageError>([&] { loader.restore({0, 11, 16, {}}); }), HasSubstr("batch 11 of 10"));
}

TEST(Loader, RanksShareAnEpochOfTrainingAsOneLargerBatch) {
  const MemoryDataset data(31);
  LoaderOptions options = options_for(true);
  const std::vector<Batch> alone = load(data, options, 1);
  options.batch_size = 2;
  options.world = 2;
  std::vector<std::vector<Batch>> parts;
  for (options.rank = 0; options.rank < 2; ++options.rank) parts.push_back(load(data, options, 1));
  ASSERT_EQ(parts[0].size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    Pixels together = parts[0][i].images;
    together.insert(together.end(), parts[1][i].images.begin(), parts[1][i].images.end());
    EXPECT_EQ(together, alone[i].images);
  }
}

TEST(Loader, RanksReadEveryImageOnceUnderEvaluation) {
  for (const int64_t size : {1, 7, 10, 24}) {
    const MemoryDataset data(size);
    std::vector<int64_t> seen;
    LoaderOptions options = options_for(false);
    options.world = 3;
    for (options.rank = 0; options.rank < 3; ++options.rank) {
      const std::vector<int64_t> part = indices_of(load(data, options, 0));
      EXPECT_EQ(Loader(data, options).images(), static_cast<int64_t>(part.size()));
      seen.insert(seen.end(), part.begin(), part.end());
    }
    std::vector<int64_t> all(static_cast<size_t>(size));
    std::iota(all.begin(), all.end(), int64_t{0});
    EXPECT_EQ(seen, all);
  }
}

/// Counts what is taken.
class CountingMemory : public std::pmr::memory_resource {
 public:
  int64_t taken = 0, given_back = 0;

 private:
  void* do_allocate(size_t bytes, size_t alignment) override {
    taken += static_cast<int64_t>(bytes);
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override {
    given_back += static_cast<int64_t>(bytes);
    std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

TEST(Loader, TakesPixelsFromTheMemoryItIsGiven) {
  const MemoryDataset data(40);
  CountingMemory memory;
  {
    LoaderOptions options = options_for(true);
    options.memory = &memory;
    Loader loader(data, options);
    Batch batch;
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      loader.start(epoch);
      while (loader.next(batch)) EXPECT_EQ(batch.images.get_allocator().memory, &memory);
    }
  }
  EXPECT_EQ(memory.taken, 4 * (4 * 16 * 16 * 3) * int64_t{sizeof(float)}) << "three prefetched and the caller's";
  EXPECT_EQ(memory.given_back, memory.taken);
}

}  // namespace
}  // namespace assemble
