// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/tfrecord_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/io/tf_example.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Texts = std::vector<std::string>;
using Floats = std::vector<float>;
using Integers = std::vector<int64_t>;

Example example_of(int64_t label) {
  return {{"image/encoded", Texts{"picture " + std::to_string(label)}}, {"image/class/label", Integers{label}}};
}

void write_shard(const fs::path& path, const std::vector<Example>& examples) {
  TfRecordWriter writer(path);
  for (const Example& example : examples) writer.write(serialise_example(example));
  writer.commit();
}

/// What reading the only record of a shard gives.
Sample read_one(const Example& example) {
  TemporaryFolder folder;
  write_shard(folder / "train-00000-of-00001", {example});
  return TfRecordDataset({folder / "train-00000-of-00001"}, {"cat", "dog"}).read(0);
}

std::string refusal(const Example& example) {
  return error_of<InputError>([&] { read_one(example); });
}

TEST(TfRecordDataset, ReadsRecordsOfAllShardsInOrder) {
  TemporaryFolder folder;
  write_shard(folder / "a", {example_of(0), example_of(1)});
  write_shard(folder / "b", {});
  write_shard(folder / "c", {example_of(1)});
  const TfRecordDataset data({folder / "a", folder / "b", folder / "c"}, {"cat", "dog"});
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.classes(), 2);
  EXPECT_EQ(data.read(0).label, 0);
  EXPECT_EQ(data.read(1).name, (folder / "a").string() + " record 1");
  const Sample last = data.read(2);
  EXPECT_EQ(last.name, (folder / "c").string() + " record 0");
  EXPECT_EQ(std::string(last.encoded.begin(), last.encoded.end()), "picture 1");
  EXPECT_EQ(data.label(2), -1);
  EXPECT_EQ(data.where(), folder.path().string());
}

TEST(TfRecordDataset, ReadsNameLogitsAndBoxes) {
  Example example = example_of(1);
  example["image/filename"] = Texts{"n01.JPEG"};
  example["image/logit"] = Floats{0.25f, -4};
  example["image/object/bbox/ymin"] = Floats{0.1f, 0};
  example["image/object/bbox/xmin"] = Floats{0.2f, 0};
  example["image/object/bbox/ymax"] = Floats{0.3f, 1};
  example["image/object/bbox/xmax"] = Floats{0.4f, 1};
  const Sample sample = read_one(example);
  EXPECT_THAT(sample.name, ::testing::EndsWith("record 0 (n01.JPEG)"));
  EXPECT_THAT(sample.logits, ElementsAre(0.25f, -4));
  ASSERT_EQ(sample.boxes.size(), 2u);
  EXPECT_EQ(sample.boxes[0].ymin, 0.1f);
  EXPECT_EQ(sample.boxes[0].xmin, 0.2f);
  EXPECT_EQ(sample.boxes[0].ymax, 0.3f);
  EXPECT_EQ(sample.boxes[0].xmax, 0.4f);
}

TEST(TfRecordDataset, RefusesRecordsItCannotUse) {
  EXPECT_THAT(refusal({}), HasSubstr("has 0 values of 'image/encoded', expected 1"));
  Example example = example_of(2);
  EXPECT_THAT(refusal(example), HasSubstr("label 2, expected 0…1 (classes.txt must name every class)"));
  EXPECT_THAT(refusal(example_of(-1)), HasSubstr("label -1"));
  example = example_of(1);
  example["image/class/label"] = Floats{1};
  EXPECT_THAT(refusal(example), HasSubstr("'image/class/label' has another type"));
  example = example_of(1);
  example["image/logit"] = Floats{1, 2, 3};
  EXPECT_THAT(refusal(example), HasSubstr("3 teacher logits for 2 classes"));
  example = example_of(1);
  example["image/object/bbox/ymin"] = Floats{0.5f};
  EXPECT_THAT(refusal(example), HasSubstr("1 values of bbox/ymin and 0 of bbox/xmin"));
  for (const char* side : {"xmin", "ymax", "xmax"}) example[concat("image/object/bbox/", side)] = Floats{1.5f};
  EXPECT_THAT(refusal(example), HasSubstr("bbox/xmin is 1.5, expected 0…1"));
}

TEST(TfRecordDataset, RefusesDamagedFiles) {
  TemporaryFolder folder;
  const fs::path shard = folder / "train-00000-of-00001";
  write_shard(shard, {example_of(0), example_of(1)});
  Bytes bytes = read_file(shard);
  bytes[bytes.size() - 8] ^= 1;  // data of the last record
  write_file(shard, bytes);
  const TfRecordDataset data({shard}, {"cat", "dog"});
  EXPECT_NO_THROW(data.read(0));
  EXPECT_THAT(error_of<InputError>([&] { data.read(1); }), HasSubstr(shard.string()));
  write_shard(shard, {});
  EXPECT_THAT(error_of<InputError>([&] { TfRecordDataset empty({shard}, {"cat"}); }), HasSubstr("hold no records"));
}

TEST(TfRecordDataset, ReadsGzipAndZlib) {
  TemporaryFolder folder;
  write_shard(folder / "plain", {example_of(0), example_of(1)});
  const Bytes plain = read_file(folder / "plain");
  write_file(folder / "gzip", test::deflated(plain, 31));
  write_file(folder / "zlib", test::deflated(plain, 15));
  {
    const TfRecordDataset data({folder / "gzip", folder / "plain", folder / "zlib"}, {"cat", "dog"});
    ASSERT_EQ(data.size(), 6);
    for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(data.read(i).label, i % 2);
    EXPECT_EQ(data.read(5).name, (folder / "zlib").string() + " record 1");
  }
  const Bytes compressed = test::deflated(plain, 31);
  write_file(folder / "cut", std::span(compressed).first(compressed.size() - 5));
  EXPECT_THAT(error_of<InputError>([&] {
                TfRecordDataset({folder / "cut"}, {"cat", "dog"});
              }),
              HasSubstr("the compressed stream ends too early"));
}

TEST(TfRecordDataset, KeepsWhatIsWholeOfDamagedShards) {
  TemporaryFolder folder;
  const fs::path path = folder / "train";
  const std::vector<Example> examples{example_of(0), example_of(1), example_of(0), example_of(1)};
  write_shard(path, examples);
  const Bytes whole = read_file(path);
  const std::vector<RecordSpan> records = TfRecordReader(path).index();
  const auto open_changed = [&](size_t offset) {
    Bytes damaged = whole;
    damaged[offset] ^= 0x10;
    write_file(path, damaged);
    return std::make_unique<TfRecordDataset>(std::vector{path}, std::vector<std::string>{"cat", "dog"});
  };
  const auto bad_length = open_changed(records[1].offset - 8);  // in the checksum of the length
  ASSERT_EQ(bad_length->size(), 3) << "the record behind the damage is found";
  EXPECT_EQ(bad_length->read(1).label, 0);
  EXPECT_EQ(bad_length->read(2).label, 1);
  ASSERT_EQ(bad_length->defects().size(), 1u);
  EXPECT_THAT(bad_length->defects()[0], HasSubstr(concat("at offset ", records[1].offset - 12)));
  const auto bad_data = open_changed(records[1].offset + 3);
  EXPECT_EQ(bad_data->size(), 4);
  EXPECT_THAT(error_of<InputError>([&] { bad_data->read(1); }),
              HasSubstr(concat("at offset ", records[1].offset, ": the checksum")));
  write_file(path, std::span(whole).first(whole.size() - 3));
  const TfRecordDataset truncated({path}, {"cat", "dog"});
  EXPECT_EQ(truncated.size(), 3);
  EXPECT_THAT(truncated.defects(), ElementsAre(HasSubstr("are left")));
  write_file(path, std::string_view("not a record file"));
  EXPECT_THAT(error_of<InputError>([&] { TfRecordDataset({path}, {"cat"}); }), HasSubstr("hold no records"));
}

TEST(TfRecordDataset, AThousandShardsNeedFewDescriptors) {
  TemporaryFolder folder;
  std::vector<fs::path> shards;
  write_shard(folder / "0", {example_of(0)});
  write_shard(folder / "1", {example_of(1)});
  for (int i = 0; i < 1000; ++i) {
    shards.push_back(folder / concat("shard-", i));
    fs::copy_file(folder / concat(i % 2), shards.back());
  }
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit few = before;
  few.rlim_cur = 256;
  setrlimit(RLIMIT_NOFILE, &few);
  const TfRecordDataset data(shards, {"cat", "dog"});
  EXPECT_EQ(data.size(), 1000);
  for (int64_t i = 0; i < 3000; ++i) ASSERT_EQ(data.read(i * 7919 % 1000).label, i * 7919 % 1000 % 2);
  setrlimit(RLIMIT_NOFILE, &before);
}

TEST(TfRecordDataset, AShardThatVanishesIsAnErrorOfItsRecords) {
  TemporaryFolder folder;
  std::vector<fs::path> shards;
  for (int i = 0; i < 100; ++i) {
    shards.push_back(folder / concat("shard-", i));
    write_shard(shards.back(), {example_of(0)});
  }
  const TfRecordDataset data(shards, {"cat"});
  fs::remove(shards[0]);  // closed meanwhile, as others were opened after it
  for (int64_t i = 1; i < 100; ++i) data.read(i);
  EXPECT_THAT(error_of<InputError>([&] { data.read(0); }), HasSubstr(shards[0].string()));
}

}  // namespace
}  // namespace assemble
