// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tfrecord.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "assemble/core/checksum.h"
#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

TEST(MaskCrc, IsTheRotationPlusAConstant) {
  EXPECT_EQ(mask_crc(0xE3069283u), 0xC78AB0E5u);
  EXPECT_EQ(unmask_crc(mask_crc(0x12345678u)), 0x12345678u);
  EXPECT_EQ(mask_crc(0u), 0xA282EAD8u);
}

// Computed from the format's description with an independent program.
const Bytes kAbcFrame = {0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xB0, 0x99,
                         0x49, 0x0E, 0x61, 0x62, 0x63, 0x6E, 0x57, 0xF1, 0x21};

TEST(FrameRecord, KnownBytes) { EXPECT_EQ(frame_record(bytes_of("abc")), kAbcFrame); }

class TfRecord : public ::testing::Test {
 protected:
  /// A file of three records: "first", "", and 1000 times 'x'.
  fs::path write_three() {
    TfRecordWriter writer(path_);
    writer.write(bytes_of("first"));
    writer.write({});
    writer.write(Bytes(1000, 'x'));
    writer.commit();
    return path_;
  }
  void rewrite(const Bytes& bytes) { test::write_bytes(path_, bytes); }

  TemporaryFolder folder_;
  const fs::path path_ = folder_ / "a.tfrecord";
};

TEST_F(TfRecord, RoundTrip) {
  const TfRecordReader reader(write_three());
  const std::vector<RecordSpan> records = reader.index();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].offset, 12u);
  EXPECT_EQ(records[1].offset, 12u + 5 + 4 + 12);
  EXPECT_EQ(records[2].length, 1000u);
  EXPECT_EQ(reader.read(records[0]), bytes_of("first"));
  EXPECT_TRUE(reader.read(records[1]).empty());
  EXPECT_EQ(reader.read(records[2]), Bytes(1000, 'x'));
}

TEST_F(TfRecord, AnEmptyFileHasNoRecords) {
  rewrite({});
  EXPECT_TRUE(TfRecordReader(path_).index().empty());
}

TEST_F(TfRecord, NothingAppearsWithoutCommit) {
  TfRecordWriter(path_).write(bytes_of("a"));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(TfRecord, EveryTruncationIsFound) {
  const Bytes whole = read_file(write_three());
  const std::vector<size_t> ends = {0, 21, 37, whole.size()};
  for (size_t size = 0; size <= whole.size(); ++size) {
    rewrite(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    const TfRecordReader reader(path_);
    if (std::find(ends.begin(), ends.end(), size) != ends.end()) {
      EXPECT_NO_THROW(reader.index());
    } else {
      EXPECT_THROW(reader.index(), InputError) << size;
    }
  }
}

TEST_F(TfRecord, EveryFlippedBitIsFound) {
  const Bytes whole = read_file(write_three());
  for (size_t bit = 0; bit < 60 * 8; ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    rewrite(damaged);
    const TfRecordReader reader(path_);
    const auto read_all = [&] {
      for (const RecordSpan& record : reader.index()) reader.read(record);
    };
    EXPECT_THROW(read_all(), InputError) << bit;
  }
}

TEST_F(TfRecord, ErrorsNameRecordAndOffset) {
  Bytes bytes = read_file(write_three());
  bytes.resize(100);
  rewrite(bytes);
  EXPECT_THAT(
      error_of<InputError>([&] { TfRecordReader(path_).index(); }),
      HasSubstr("a.tfrecord record 2 at offset 37: the record's data has 1000 bytes, but only 51 bytes are left "
                "(the file is truncated"));
  bytes.resize(40);
  rewrite(bytes);
  EXPECT_THAT(error_of<InputError>([&] { TfRecordReader(path_).index(); }),
              HasSubstr("record 2 at offset 37: the file ends 3 bytes into the record"));
  bytes[21] = 9;
  rewrite(bytes);
  EXPECT_THAT(error_of<InputError>([&] { TfRecordReader(path_).index(); }),
              HasSubstr("record 1 at offset 21: the checksum of the record's length does not match"));
}

TEST_F(TfRecord, AHostileLengthWithAValidChecksumIsRefused) {
  for (uint64_t length : {UINT64_MAX, UINT64_MAX - 15, uint64_t{1} << 40, uint64_t{4}}) {
    Bytes bytes(8);
    std::memcpy(bytes.data(), &length, 8);
    const uint32_t crc = mask_crc(crc32c(bytes));
    bytes.resize(19);
    std::memcpy(bytes.data() + 8, &crc, 4);
    rewrite(bytes);
    EXPECT_THAT(error_of<InputError>([&] { TfRecordReader(path_).index(); }),
                HasSubstr(concat("data has ", length, " bytes, but only 7 bytes are left")));
  }
}

TEST_F(TfRecord, KeepsTheRecordsBeforeADefectOnRequest) {
  Bytes bytes = read_file(write_three());
  bytes.resize(100);
  rewrite(bytes);
  std::string defect;
  EXPECT_EQ(TfRecordReader(path_).index(&defect).size(), 2u);
  EXPECT_THAT(defect, HasSubstr("record 2 at offset 37"));
}

TEST_F(TfRecord, ReadChecksTheDataAndItsPlace) {
  Bytes bytes = read_file(write_three());
  bytes[14] ^= 1;
  rewrite(bytes);
  const TfRecordReader reader(path_);
  EXPECT_THAT(error_of<InputError>([&] { reader.read(reader.index()[0]); }),
              HasSubstr("a.tfrecord at offset 12: the checksum of the record's 5 bytes does not match"));
  for (RecordSpan span : {RecordSpan{UINT64_MAX, 1}, RecordSpan{12, UINT64_MAX}, RecordSpan{12, bytes.size() - 12}}) {
    EXPECT_THAT(error_of<InputError>([&] { reader.read(span); }), HasSubstr("ends behind the file's"));
  }
}

TEST_F(TfRecord, AFullDiskIsARunError) {
  const test::FileSizeLimit limit(500);
  TfRecordWriter writer(path_);
  EXPECT_THROW(writer.write(Bytes(1000)), RunError);
}

}  // namespace
}  // namespace assemble
