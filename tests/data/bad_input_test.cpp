// SPDX-License-Identifier: Apache-2.0
// Damage of every kind in one data set, as a loader meets it: counted, logged with file and place, and left out,
// replaced or refused as the user chose.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/loader.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/image/encode.h"
#include "assemble/io/tf_example.h"
#include "test_support.h"

namespace assemble {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Integers = std::vector<int64_t>;
using Texts = std::vector<std::string>;

Example example_of(int64_t label, int side = 24) {
  const Bytes jpeg = encode_jpeg(test::wavy_image(side, side, static_cast<uint64_t>(label)), 90);
  return {{"image/encoded", Texts{std::string(jpeg.begin(), jpeg.end())}}, {"image/class/label", Integers{label}}};
}

void write_shard(const fs::path& path, const std::vector<Example>& examples) {
  TfRecordWriter writer(path);
  for (const Example& example : examples) writer.write(serialise_example(example));
  writer.commit();
}

void flip(const fs::path& path, uint64_t offset) {
  Bytes bytes = read_file(path);
  bytes[offset] ^= 0x10;
  write_file(path, bytes);
}

/// 13 records in four shards, of which 6 can be used: labels 0, 1, 2 and 0, 1, 0.
class BadInput : public testing::Test {
 protected:
  void SetUp() override {
    Example no_image = example_of(0), no_label = example_of(1), no_picture = example_of(2), cut = example_of(0);
    no_image.erase("image/encoded");
    no_label.erase("image/class/label");
    no_picture["image/encoded"] = Texts{"these bytes are no picture"};
    std::string& jpeg = std::get<Texts>(cut["image/encoded"])[0];
    jpeg.resize(jpeg.size() - 100);
    write_shard(shard(0), {example_of(0), no_image, no_label, example_of(3), no_picture, cut, example_of(1)});
    write_shard(shard(1), {example_of(0), example_of(2)});
    bad_data_ = TfRecordReader(shard(1)).index()[0].offset;
    flip(shard(1), bad_data_ + 40);
    write_shard(shard(2), {example_of(2), example_of(0)});
    bad_length_ = TfRecordReader(shard(2)).index()[0].offset - 12;
    flip(shard(2), bad_length_ + 8);
    write_shard(shard(3), {example_of(1, 1), example_of(0)});
    const Bytes whole = read_file(shard(3));
    cut_tail_ = TfRecordReader(shard(3)).index()[1].offset - 12;
    write_file(shard(3), std::span(whole).first(whole.size() - 9));
  }
  fs::path shard(int number) const { return folder_ / concat("shard-", number); }

  TfRecordDataset open() const { return {{shard(0), shard(1), shard(2), shard(3)}, {"a", "b", "c"}}; }

  /// Labels that a loader gives in two epochs, and what it logs and counts.
  Integers load(bool training, int64_t max_broken = 100) {
    LoaderOptions options;
    options.training = training;
    options.batch_size = 5;
    options.threads = 2;
    options.max_broken = max_broken;
    options.preprocessing.train_size = options.preprocessing.eval_size = options.preprocessing.eval_resize = 16;
    const TfRecordDataset data = open();
    Integers labels;
    ::testing::internal::CaptureStderr();
    try {
      Loader loader(data, options);
      Batch batch;
      for (int64_t epoch = 0; epoch < 2; ++epoch) {
        loader.start(epoch);
        while (loader.next(batch)) labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
      }
      broken_ = loader.broken();
    } catch (...) {
      log_ = ::testing::internal::GetCapturedStderr();
      throw;
    }
    log_ = ::testing::internal::GetCapturedStderr();
    return labels;
  }

  void expect_everything_logged() const {
    const auto record = [&](int number, int index) { return concat(shard(number).string(), " record ", index); };
    EXPECT_THAT(log_, HasSubstr(record(0, 1) + ": has 0 values of 'image/encoded', expected 1"));
    EXPECT_THAT(log_, HasSubstr(record(0, 2) + ": has 0 values of 'image/class/label', expected 1"));
    EXPECT_THAT(log_, HasSubstr(record(0, 3) + ": label 3, expected 0…2"));
    EXPECT_THAT(log_, HasSubstr(record(0, 4) + ": no image of a known format"));
    EXPECT_THAT(log_, HasSubstr(record(0, 5) + ": truncated JPEG"));
    EXPECT_THAT(log_, HasSubstr(concat(shard(1).string(), " at offset ", bad_data_, ": the checksum")));
    EXPECT_THAT(log_, HasSubstr(concat(shard(2).string(), " record 0 at offset ", bad_length_,
                                       ": the checksum of the record's length does not match")));
    EXPECT_THAT(log_, HasSubstr(concat(shard(3).string(), " record 1 at offset ", cut_tail_)));
    EXPECT_EQ(broken_, 8);
  }

  test::TemporaryFolder folder_;
  uint64_t bad_data_ = 0, bad_length_ = 0, cut_tail_ = 0;
  std::string log_;
  int64_t broken_ = 0;
};

TEST_F(BadInput, EvaluationLeavesItOut) {
  EXPECT_THAT(load(/*training=*/false), ElementsAre(0, 1, 2, 0, 1, 0, 1, 2, 0, 1)) << "two epochs of five";
  expect_everything_logged();
}

TEST_F(BadInput, TrainingTakesOthersInItsPlace) {
  const Integers labels = load(/*training=*/true);
  EXPECT_EQ(labels.size(), 2u * 2 * 5) << "two epochs of two whole batches";
  EXPECT_THAT(labels, Each(testing::AllOf(testing::Ge(0), testing::Le(2))));
  expect_everything_logged();
}

TEST_F(BadInput, IsRefusedWhenTheUserAllowsNone) {
  const auto refusal = [&](int64_t max_broken) { return test::error_of<InputError>([&] { load(false, max_broken); }); };
  EXPECT_THAT(refusal(0), HasSubstr("more than 0 broken images; the last: " + shard(2).string()));
  EXPECT_THAT(refusal(3), HasSubstr("more than 3 broken images; the last: " + shard(0).string()));
  EXPECT_THAT(refusal(7), HasSubstr("more than 7 broken images"));
  EXPECT_NO_THROW(load(false, 8));
}

TEST_F(BadInput, ShardsThatVanishOrShrinkInMidEpoch) {
  std::vector<fs::path> shards;
  for (int i = 0; i < 80; ++i) {
    shards.push_back(folder_ / concat("many-", i));
    write_shard(shards.back(), {example_of(i % 3)});
  }
  const TfRecordDataset data(shards, {"a", "b", "c"});
  LoaderOptions options;
  options.batch_size = 8;
  options.threads = 2;
  options.prefetch = 1;
  options.preprocessing.eval_size = options.preprocessing.eval_resize = 16;
  ::testing::internal::CaptureStderr();
  Loader loader(data, options);
  loader.start(0);
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  // At most 64 files are open: the first were closed again and are opened anew, others are not looked at any more.
  fs::remove(shards[40]);
  fs::resize_file(shards[41], 30);
  int64_t images = batch.size;
  while (loader.next(batch)) images += batch.size;
  loader.start(1);
  int64_t again = 0;
  while (loader.next(batch)) again += batch.size;
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(again, 80 - loader.broken());
  EXPECT_GE(loader.broken(), 1) << "a file that is open can still be read";
  EXPECT_THAT(log, HasSubstr(shards[41].string()));
  EXPECT_EQ(images, again);
}

}  // namespace
}  // namespace assemble
