// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <mutex>

#include "assemble/core/error.h"
#include "assemble/core/log.h"
#include "assemble/core/progress.h"
#include "assemble/core/random.h"
#include "assemble/core/text.h"
#include "assemble/core/thread_pool.h"
#include "assemble/data/shards.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/image/decode.h"
#include "assemble/io/tf_example.h"

namespace assemble {
namespace {

/// Writes one split; counts what was written and what was skipped.
class SplitWriter {
 public:
  SplitWriter(const Dataset& dataset, const fs::path& output, std::string split, int shards)
      : dataset_(dataset), output_(output), split_(std::move(split)), shards_(shards) {}

  void write(const std::vector<int64_t>& order, ThreadPool& pool) {
    Progress progress("writing " + split_, dataset_.size(), "images");
    std::mutex mutex;
    pool.parallel_for(shards_, [&](int64_t shard) {
      const auto share = [&](int64_t s) { return dataset_.size() * s / shards_; };
      TfRecordWriter writer(output_ / shard_name(split_, static_cast<int>(shard), shards_));
      for (int64_t i = share(shard); i < share(shard + 1); ++i) {
        write_sample(writer, order[static_cast<size_t>(i)]);
        const std::lock_guard lock(mutex);
        progress.advance(1);
      }
      writer.commit();
    });
  }

  int64_t written() const { return written_; }
  int64_t skipped() const { return skipped_; }

 private:
  void write_sample(TfRecordWriter& writer, int64_t index) {
    Bytes record;
    try {
      const Sample sample = dataset_.read(index);
      decode_image(sample.encoded, sample.name);  // throws when it is broken
      record = serialise_example(make_example(sample, dataset_.class_names()[static_cast<size_t>(sample.label)]));
    } catch (const InputError& error) {
      log_warning(std::string(error.what()) + "; skipped");
      ++skipped_;
      return;
    }
    writer.write(record);
    ++written_;
  }

  const Dataset& dataset_;
  const fs::path& output_;
  const std::string split_;
  const int shards_;
  std::atomic<int64_t> written_ = 0;
  std::atomic<int64_t> skipped_ = 0;
};

std::vector<int64_t> stored_order(int64_t size) {
  std::vector<int64_t> order(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) order[static_cast<size_t>(i)] = i;
  return order;
}

}  // namespace

BuildReport build_folder_records(const fs::path& raw, const fs::path& output, const BuildOptions& options) {
  if (options.train_shards < 1 || options.validation_shards < 1 || options.train_shards > 99999 ||
      options.validation_shards > 99999) {
    throw UsageError("shards", "expected 1…99999 files a split");
  }
  const auto train = open_dataset(raw, Split::kTrain);
  const auto validation = open_dataset(raw, Split::kValidation);
  make_directories(output);
  require_no_other_set(output, "train", options.train_shards);
  require_no_other_set(output, "validation", options.validation_shards);

  ThreadPool pool(options.threads > 0 ? options.threads : available_cores());
  Random random(options.seed, RandomPurpose::kShuffle);
  SplitWriter train_writer(*train, output, "train", options.train_shards);
  train_writer.write(random_permutation(train->size(), random), pool);
  SplitWriter validation_writer(*validation, output, "validation", options.validation_shards);
  validation_writer.write(stored_order(validation->size()), pool);
  write_file(output / "classes.txt", std::string_view(join(train->class_names(), "\n") + "\n"));
  return {train_writer.written(), validation_writer.written(), train_writer.skipped() + validation_writer.skipped(),
          train->classes()};
}

}  // namespace assemble
