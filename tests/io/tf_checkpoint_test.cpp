// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <leveldb/env.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>

#include <cmath>
#include <limits>
#include <memory>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using test::write_bytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename T>
Bytes raw(const std::vector<T>& values) {
  const auto* begin = reinterpret_cast<const uint8_t*>(values.data());
  return Bytes(begin, begin + values.size() * sizeof(T));
}

/// Writes a leveldb table of these keys and values, as an index that write_tf_checkpoint would not make.
void write_table(const fs::path& path, const std::map<std::string, std::string>& items) {
  leveldb::WritableFile* opened = nullptr;
  ASSERT_TRUE(leveldb::Env::Default()->NewWritableFile(path.string(), &opened).ok());
  const std::unique_ptr<leveldb::WritableFile> file(opened);
  leveldb::TableBuilder builder(leveldb::Options{}, file.get());
  for (const auto& [key, value] : items) builder.Add(key, value);
  ASSERT_TRUE(builder.Finish().ok());
  ASSERT_TRUE(file->Close().ok());
}

class TfCheckpointTest : public ::testing::Test {
 protected:
  void write_two() {
    write_tf_checkpoint(prefix_, {{"model/weight", TfDataType::kFloat, {2, 1}, weight_},
                                  {"global_step", TfDataType::kInt64, {}, step_}});
  }
  std::string opening_error(const fs::path& path) {
    return error_of<InputError>([&] { TfCheckpoint{path}; });
  }

  TemporaryFolder folder_;
  const fs::path prefix_ = folder_ / "model.ckpt-7";
  const fs::path index_ = folder_ / "model.ckpt-7.index";
  const fs::path data_ = folder_ / "model.ckpt-7.data-00000-of-00001";
  const Bytes weight_ = raw<float>({1.5f, -2.0f});
  const Bytes step_ = raw<int64_t>({7});
};

TEST_F(TfCheckpointTest, RoundTrip) {
  write_two();
  const TfCheckpoint checkpoint(prefix_);
  ASSERT_EQ(checkpoint.tensors().size(), 2u);
  EXPECT_EQ(checkpoint.prefix(), prefix_);
  EXPECT_THAT(checkpoint.entry("model/weight").shape, ElementsAre(2, 1));
  EXPECT_THAT(checkpoint.read_f32("model/weight"), ElementsAre(1.5f, -2.0f));
  EXPECT_EQ(checkpoint.entry("global_step").type, TfDataType::kInt64);
  EXPECT_THAT(checkpoint.entry("global_step").shape, IsEmpty());
  EXPECT_EQ(checkpoint.read("global_step"), step_);
}

TEST_F(TfCheckpointTest, EveryNumericTypeKeepsItsBytes) {
  const std::vector<std::pair<TfDataType, size_t>> types = {
      {TfDataType::kFloat, 4},        {TfDataType::kDouble, 8},  {TfDataType::kInt32, 4},
      {TfDataType::kUint8, 1},        {TfDataType::kInt16, 2},   {TfDataType::kInt8, 1},
      {TfDataType::kComplex64, 8},    {TfDataType::kInt64, 8},   {TfDataType::kBool, 1},
      {TfDataType::kBfloat16, 2},     {TfDataType::kUint16, 2},  {TfDataType::kHalf, 2},
      {TfDataType::kUint32, 4},       {TfDataType::kUint64, 8},  {TfDataType::kComplex128, 16},
      {TfDataType::kQint8, 1},        {TfDataType::kQuint8, 1},  {TfDataType::kQint32, 4},
      {TfDataType::kQint16, 2},       {TfDataType::kQuint16, 2}, {TfDataType::kFloat8E5m2, 1},
      {TfDataType::kFloat8E4m3fn, 1}, {TfDataType::kInt4, 1},    {TfDataType::kUint4, 1}};
  std::vector<Bytes> stored;
  std::vector<TfTensorView> views;
  for (const auto& [type, size] : types) stored.push_back(Bytes(size * 3, static_cast<uint8_t>(size)));
  for (size_t i = 0; i < types.size(); ++i) {
    views.push_back({tf_data_type_name(types[i].first), types[i].first, {3}, stored[i]});
  }
  write_tf_checkpoint(prefix_, views);
  const TfCheckpoint checkpoint(prefix_);
  for (size_t i = 0; i < types.size(); ++i) {
    EXPECT_EQ(checkpoint.entry(views[i].name).type, types[i].first);
    EXPECT_EQ(checkpoint.read(views[i].name), stored[i]) << views[i].name;
  }
}

TEST_F(TfCheckpointTest, ConvertsFloatingTypes) {
  const Bytes half = raw<uint16_t>({0x3C00, 0xC000, 0x0001, 0x8000, 0x7C00, 0x7BFF, 0x7E00});
  const Bytes brain = raw<uint16_t>({0x3F80, 0xC000});
  const Bytes wide = raw<double>({0.1, 1e300});
  write_tf_checkpoint(prefix_, {{"half", TfDataType::kHalf, {7}, half},
                                {"brain", TfDataType::kBfloat16, {2}, brain},
                                {"wide", TfDataType::kDouble, {2}, wide},
                                {"step", TfDataType::kInt64, {}, step_}});
  const TfCheckpoint checkpoint(prefix_);
  const std::vector<float> halves = checkpoint.read_f32("half");
  ASSERT_EQ(halves.size(), 7u);
  EXPECT_EQ(halves[0], 1.0f);
  EXPECT_EQ(halves[1], -2.0f);
  EXPECT_EQ(halves[2], 0x1p-24f);
  EXPECT_TRUE(halves[3] == 0.0f && std::signbit(halves[3]));
  EXPECT_EQ(halves[4], std::numeric_limits<float>::infinity());
  EXPECT_EQ(halves[5], 65504.0f);
  EXPECT_TRUE(std::isnan(halves[6]));
  EXPECT_THAT(checkpoint.read_f32("brain"), ElementsAre(1.0f, -2.0f));
  EXPECT_EQ(checkpoint.read_f32("wide")[0], 0.1f);
  EXPECT_THAT(error_of<InputError>([&] { checkpoint.read_f32("step"); }),
              HasSubstr("tensor 'step': has the element type int64, expected floating point numbers"));
}

TEST_F(TfCheckpointTest, WriterMakesTensorFlowsBytes) {
  write_two();
  Bytes both = step_;  // sorted by name
  both.insert(both.end(), weight_.begin(), weight_.end());
  EXPECT_EQ(read_file(data_), both);
  // The header as TensorFlow writes it: one data file, format version 1.
  const Bytes start = read_file(index_);
  EXPECT_EQ(Bytes(start.begin(), start.begin() + 9), Bytes({0, 0, 6, 0x08, 1, 0x1A, 2, 0x08, 1}));
}

TEST_F(TfCheckpointTest, TakesAPrefixAFileOrAFolder) {
  write_two();
  for (const fs::path& path : {prefix_, index_, data_, folder_.path()}) {
    EXPECT_EQ(TfCheckpoint(path).prefix(), prefix_) << path;
  }
}

TEST_F(TfCheckpointTest, AFolderMeansItsNamedOrLastCheckpoint) {
  write_two();
  write_tf_checkpoint(folder_ / "model.ckpt-12", {});
  EXPECT_EQ(TfCheckpoint(folder_.path()).prefix(), folder_ / "model.ckpt-12");
  for (const char* named : {"model.ckpt-7", "/somewhere/else/model.ckpt-7"}) {
    write_file(folder_ / "checkpoint",
               concat("all_model_checkpoint_paths: \"model.ckpt-12\"\nmodel_checkpoint_path: \"", named, "\"\n"));
    EXPECT_EQ(TfCheckpoint(folder_.path()).prefix(), prefix_) << named;
  }
  write_file(folder_ / "checkpoint", std::string_view("model_checkpoint_path: \"model.ckpt-8\"\n"));
  EXPECT_THAT(opening_error(folder_.path()),
              HasSubstr("checkpoint: names the checkpoint 'model.ckpt-8', whose .index"));
  write_file(folder_ / "checkpoint", std::string_view("nothing\n"));
  EXPECT_THAT(opening_error(folder_.path()), HasSubstr("names no model_checkpoint_path"));
}

TEST_F(TfCheckpointTest, SaysWhatIsMissing) {
  EXPECT_THAT(opening_error(folder_.path()), HasSubstr("holds no TensorFlow checkpoint"));
  EXPECT_THAT(opening_error(folder_ / "none/model.ckpt-7"), HasSubstr("model.ckpt-7.index: does not exist"));
  write_two();
  EXPECT_THAT(opening_error(folder_ / "model.ckpt-8"), HasSubstr("does not exist (did you mean 'model.ckpt-7'?)"));
  const TfCheckpoint checkpoint(prefix_);
  EXPECT_THAT(error_of<InputError>([&] { checkpoint.read("model/weigth"); }),
              HasSubstr("has no tensor 'model/weigth' (did you mean 'model/weight'?)"));
  write_file(folder_ / "v1.ckpt", std::string_view("\x01\x02"));
  EXPECT_THAT(opening_error(folder_ / "v1.ckpt"), HasSubstr("is not a TensorFlow V2 checkpoint"));
  fs::remove(data_);
  EXPECT_THAT(opening_error(prefix_), HasSubstr("model.ckpt-7.data-00000-of-00001: is missing"));
}

TEST_F(TfCheckpointTest, EveryTruncationOfTheIndexIsFound) {
  write_two();
  const Bytes whole = read_file(index_);
  for (size_t size = 0; size < whole.size(); ++size) {
    write_bytes(index_, std::span(whole).first(size));
    EXPECT_THROW(TfCheckpoint{prefix_}, InputError) << size;
  }
}

TEST_F(TfCheckpointTest, NoFlippedBitOfTheIndexGoesUnnoticed) {
  write_two();
  const Bytes whole = read_file(index_);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    write_bytes(index_, damaged);
    try {
      // Harmless in the padding of the footer and in the unused meta block.
      const TfCheckpoint checkpoint(prefix_);
      EXPECT_EQ(checkpoint.tensors().size(), 2u) << bit;
      EXPECT_EQ(checkpoint.read("model/weight"), weight_) << bit;
    } catch (const InputError& error) {
      EXPECT_THAT(error.what(), HasSubstr("model.ckpt-7.index at offset ")) << bit;
    }
  }
}

TEST_F(TfCheckpointTest, EveryFlippedBitOfTheDataIsFound) {
  write_two();
  const Bytes whole = read_file(data_);
  for (size_t bit = 0; bit < whole.size() * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    write_bytes(data_, damaged);
    const TfCheckpoint checkpoint(prefix_);
    const std::string name = bit < 64 ? "global_step" : "model/weight";
    const char* message = bit < 64
                              ? "data-00000-of-00001 at offset 0, tensor 'global_step': the checksum of its 8 bytes"
                              : "data-00000-of-00001 at offset 8, tensor 'model/weight': the checksum of its 8 bytes";
    EXPECT_THAT(error_of<InputError>([&] { checkpoint.read(name); }), HasSubstr(message));
  }
}

TEST_F(TfCheckpointTest, ATruncatedDataFileIsFoundAtOnce) {
  write_two();
  fs::resize_file(data_, 15);
  EXPECT_THAT(opening_error(prefix_),
              HasSubstr("at offset 8, tensor 'model/weight': takes 8 bytes, but the file ends at 15"));
}

TEST_F(TfCheckpointTest, RefusesAHostileFooter) {
  write_two();
  Bytes bytes = read_file(index_);
  // Handles with sizes of 2^64 - 1, as varints.
  for (size_t i = 0; i < 40; ++i) bytes[bytes.size() - 48 + i] = i % 10 == 9 ? 0x01 : 0xFF;
  write_bytes(index_, bytes);
  EXPECT_THAT(opening_error(prefix_), HasSubstr("a footer that names a block outside of the file"));
  for (size_t i = 0; i < 40; ++i) bytes[bytes.size() - 48 + i] = 0xFF;
  write_bytes(index_, bytes);
  EXPECT_THAT(opening_error(prefix_), HasSubstr("has no readable footer"));
}

const std::string kHeader("\x08\x01\x1A\x02\x08\x01", 6);

/// A BundleEntryProto of one float [1] at the start of the data file, before its checksum.
std::string float_entry() { return std::string("\x08\x01\x12\x04\x12\x02\x08\x01\x28\x04", 10); }

TEST_F(TfCheckpointTest, RefusesAnIndexThatDoesNotFit) {
  write_bytes(data_, Bytes(4));
  const auto error_with = [&](const std::map<std::string, std::string>& items) {
    write_table(index_, items);
    return opening_error(prefix_);
  };
  EXPECT_THAT(error_with({{"a", float_entry()}}), HasSubstr("has no bundle header"));
  EXPECT_THAT(error_with({{"", "\x08\x01\x10\x01"}}), HasSubstr("big-endian"));
  EXPECT_THAT(error_with({{"", "\x08\x01\x1A\x04\x08\x02\x10\x02"}}), HasSubstr("needs a reader of version 2"));
  EXPECT_THAT(error_with({{"", kHeader}, {"a", "\x08"}}), HasSubstr("the entry of 'a' cannot be read"));
  EXPECT_THAT(error_with({{"", kHeader}, {"a", float_entry() + "\x18\x01"}}),
              HasSubstr("data file 1, but there are 1"));
  EXPECT_THAT(error_with({{"", kHeader}, {"a", float_entry() + "\x20\x01"}}),
              HasSubstr("at offset 1, tensor 'a': takes 4 bytes, but the file ends at 4"));
  // An offset of 2^64 - 4, so that offset + size wraps around.
  EXPECT_THAT(error_with({{"", kHeader}, {"a", float_entry() + "\x20\xFC\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"}}),
              HasSubstr("takes 4 bytes, but the file ends at 4"));
  EXPECT_THAT(error_with({{"", kHeader}, {"a", "\x08\x01\x12\x04\x12\x02\x08\x02\x28\x04"}}),
              HasSubstr("shape [2] of float32 does not fit its 4 bytes"));
}

TEST_F(TfCheckpointTest, ReadsShardedData) {
  const auto masked = [](const Bytes& bytes) {
    const uint32_t crc = mask_crc(crc32c(bytes));
    return "\x35" + std::string(reinterpret_cast<const char*>(&crc), 4);
  };
  const Bytes one = raw<float>({1.0f}), two = raw<float>({2.0f});
  write_bytes(folder_ / "model.ckpt-7.data-00000-of-00002", one);
  write_bytes(folder_ / "model.ckpt-7.data-00001-of-00002", two);
  write_table(index_,
              {{"", "\x08\x02"}, {"a", float_entry() + masked(one)}, {"b", float_entry() + "\x18\x01" + masked(two)}});
  const TfCheckpoint checkpoint(prefix_);
  EXPECT_THAT(checkpoint.read_f32("a"), ElementsAre(1.0f));
  EXPECT_THAT(checkpoint.read_f32("b"), ElementsAre(2.0f));
  fs::remove(folder_ / "model.ckpt-7.data-00001-of-00002");
  EXPECT_THAT(opening_error(prefix_), HasSubstr("model.ckpt-7.data-00001-of-00002: is missing"));
}

TEST_F(TfCheckpointTest, ReportsStringsSlicesAndUnknownTypes) {
  // The string tensor ["ab", ""]: lengths, masked checksum of the lengths as u32, characters.
  Bytes stored = {2, 0};
  const uint32_t lengths = mask_crc(crc32c(raw<uint32_t>({2, 0})));
  const Bytes tail = [&] {
    Bytes bytes = raw<uint32_t>({lengths});
    bytes.insert(bytes.end(), {'a', 'b'});
    return bytes;
  }();
  const uint32_t crc = mask_crc(crc32c(tail, crc32c(raw<uint32_t>({2, 0}))));
  stored.insert(stored.end(), tail.begin(), tail.end());
  write_bytes(data_, stored);
  const std::string crc_field = "\x35" + std::string(reinterpret_cast<const char*>(&crc), 4);
  write_table(index_, {{"", kHeader},
                       {"part", float_entry() + std::string("\x3A\x00", 2)},
                       {"strange", "\x08\x15\x28\x03"},
                       {"text", "\x08\x07\x12\x04\x12\x02\x08\x02\x28\x08" + crc_field},
                       {std::string("\0slice", 6), "\xFF"}});
  const TfCheckpoint checkpoint(prefix_);
  EXPECT_EQ(checkpoint.tensors().size(), 3u);
  EXPECT_EQ(checkpoint.read("text"), stored);
  EXPECT_THAT(error_of<InputError>([&] { checkpoint.read("part"); }), HasSubstr("is a partitioned variable"));
  EXPECT_EQ(tf_data_type_name(checkpoint.entry("strange").type), "type 21");
  EXPECT_THAT(error_of<InputError>([&] { checkpoint.read_f32("strange"); }), HasSubstr("element type type 21"));
  stored[7] ^= 1;
  write_bytes(data_, stored);
  EXPECT_THAT(error_of<InputError>([&] { checkpoint.read("text"); }), HasSubstr("the checksum of its 8 bytes"));
}

TEST_F(TfCheckpointTest, WriterRefusesWhatItCouldNotReadBack) {
  const auto refuses = [&](const std::vector<TfTensorView>& tensors, const char* message) {
    EXPECT_THAT(error_of<UsageError>([&] { write_tf_checkpoint(prefix_, tensors); }), HasSubstr(message));
  };
  refuses({{"a", TfDataType::kFloat, {3}, weight_}}, "shape [3] of float32 does not fit 8 bytes");
  refuses({{"a", TfDataType::kInt64, {}, step_}, {"a", TfDataType::kInt64, {}, step_}}, "the name occurs twice");
  refuses({{"", TfDataType::kInt64, {}, step_}}, "has no name");
  refuses({{"a", TfDataType::kString, {}, step_}}, "string cannot be written");
  EXPECT_THAT(test::list_files(folder_.path()), IsEmpty());
}

TEST_F(TfCheckpointTest, AFullDiskLeavesNothing) {
  const Bytes large(5000);
  {
    const test::FileSizeLimit limit(1000);
    EXPECT_THROW(write_tf_checkpoint(prefix_, {{"a", TfDataType::kUint8, {5000}, large}}), RunError);
  }
  EXPECT_THAT(test::list_files(folder_.path()), IsEmpty());
}

TEST_F(TfCheckpointTest, ReadsAndRewritesCheckpointsOfTheOriginal) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  int read = 0;
  for (const auto& folder : fs::directory_iterator(golden / "models")) {
    const TfCheckpoint original(folder.path());
    std::vector<Bytes> stored;
    std::vector<TfTensorView> views;
    stored.reserve(original.tensors().size());
    for (const auto& [name, entry] : original.tensors()) {
      stored.push_back(original.read(name));
      views.push_back({name, entry.type, entry.shape, stored.back()});
    }
    EXPECT_EQ(original.entry("global_step").type, TfDataType::kInt64) << folder.path();
    EXPECT_GT(views.size(), 100u) << folder.path();
    write_tf_checkpoint(prefix_, views);
    const TfCheckpoint again(prefix_);
    for (const TfTensorView& view : views) {
      ASSERT_EQ(again.entry(view.name).shape, view.shape);
      ASSERT_EQ(again.read(view.name), Bytes(view.bytes.begin(), view.bytes.end()));
    }
    ++read;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace assemble
