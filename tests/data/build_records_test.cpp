// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/tfrecord_dataset.h"
#include "assemble/image/encode.h"
#include "assemble/io/tf_example.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// 2 classes; 5 training and 2 validation images of each, and one broken training image.
void write_raw(const fs::path& raw) {
  for (const char* name : {"cat", "dog"}) {
    for (int i = 0; i < 7; ++i) {
      const fs::path folder = raw / (i < 5 ? "train" : "val") / name;
      make_directories(folder);
      write_file(folder / concat(i, ".jpg"), encode_jpeg(test::wavy_image(20, 30, static_cast<uint64_t>(i)), 80));
    }
  }
  write_file(raw / "train/cat/broken.jpg", std::string_view("no image"));
}

std::multiset<Bytes> contents(const Dataset& data, int64_t label) {
  std::multiset<Bytes> result;
  for (int64_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.read(i);
    if (sample.label == label && sample.encoded.size() > 8) result.insert(sample.encoded);
  }
  return result;
}

TEST(BuildFolderRecords, KeepsEveryImageWithItsLabel) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  const BuildOptions options{.train_shards = 3, .validation_shards = 1, .seed = 2};
  ::testing::internal::CaptureStderr();
  const BuildReport report = build_folder_records(folder / "raw", folder / "out", options);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("broken.jpg: not a JPEG"));
  EXPECT_EQ(report.train_images, 10);
  EXPECT_EQ(report.validation_images, 4);
  EXPECT_EQ(report.skipped, 1);
  EXPECT_EQ(report.classes, 2);
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    const auto raw = open_dataset(folder / "raw", split), built = open_dataset(folder / "out", split);
    EXPECT_THAT(built->class_names(), ElementsAre("cat", "dog"));
    for (const int64_t label : {0, 1}) EXPECT_EQ(contents(*built, label), contents(*raw, label));
  }
}

TEST(BuildFolderRecords, StoresTheOriginalsFields) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  build_folder_records(folder / "raw", folder / "out", {.train_shards = 1, .validation_shards = 1});
  const TfRecordReader reader(folder / "out/validation-00000-of-00001");
  const Example example = parse_example(reader.read(reader.index().at(2)), "record");
  using Texts = std::vector<std::string>;
  using Integers = std::vector<int64_t>;
  EXPECT_EQ(std::get<Texts>(example.at("image/filename")), Texts{"5.jpg"});
  EXPECT_EQ(std::get<Texts>(example.at("image/format")), Texts{"JPEG"});
  EXPECT_EQ(std::get<Texts>(example.at("image/class/text")), Texts{"dog"});
  EXPECT_EQ(std::get<Integers>(example.at("image/class/label")), Integers{1});
  EXPECT_EQ(std::get<Integers>(example.at("image/height")), Integers{20});
  EXPECT_EQ(std::get<Integers>(example.at("image/width")), Integers{30});
}

TEST(BuildFolderRecords, IsTheSameForAnyThreadsAndShuffledBySeed) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  BuildOptions options{.train_shards = 2, .validation_shards = 2, .seed = 1, .threads = 1};
  build_folder_records(folder / "raw", folder / "one", options);
  options.threads = 3;
  build_folder_records(folder / "raw", folder / "three", options);
  options.seed = 9;
  build_folder_records(folder / "raw", folder / "nine", options);
  const char* shard = "train-00001-of-00002";
  EXPECT_EQ(read_file(folder / "one" / shard), read_file(folder / "three" / shard));
  EXPECT_NE(read_file(folder / "one" / shard), read_file(folder / "nine" / shard));
}

TEST(BuildFolderRecords, RefusesToMixSetsAndWrongOptions) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  build_folder_records(folder / "raw", folder / "out", {.train_shards = 2, .validation_shards = 1});
  EXPECT_NO_THROW(build_folder_records(folder / "raw", folder / "out", {.train_shards = 2, .validation_shards = 1}));
  EXPECT_THAT(error_of<UsageError>([&] {
                build_folder_records(folder / "raw", folder / "out", {.train_shards = 3, .validation_shards = 1});
              }),
              HasSubstr("belongs to another set of records"));
  EXPECT_THROW(build_folder_records(folder / "raw", folder / "o", {.train_shards = 0}), UsageError);
  EXPECT_THROW(build_folder_records(folder / "missing", folder / "o", {}), InputError);
}

TEST(BuildFolderRecords, FullDiskIsARunErrorThatLeavesNoShard) {
  TemporaryFolder folder;
  write_raw(folder / "raw");
  {
    const test::FileSizeLimit limit(2000);
    EXPECT_THROW(build_folder_records(folder / "raw", folder / "out", {.train_shards = 1, .validation_shards = 1}),
                 RunError);
  }
  EXPECT_TRUE(fs::is_empty(folder / "out"));
}

}  // namespace
}  // namespace assemble
