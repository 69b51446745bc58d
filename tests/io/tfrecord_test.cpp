// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tfrecord.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43u);
}

TEST(Crc32c, ContinuesOverParts) { EXPECT_EQ(crc32c(bytes_of("6789"), crc32c(bytes_of("12345"))), 0xE3069283u); }

TEST(Crc32c, MaskIsTheRotationPlusAConstant) {
  EXPECT_EQ(mask_crc(0xE3069283u), 0xC78AB0E5u);
  EXPECT_EQ(unmask_crc(mask_crc(0x12345678u)), 0x12345678u);
  EXPECT_EQ(mask_crc(0u), 0xA282EAD8u);
}

TEST(FrameRecord, KnownBytes) {
  // The record "abc" as TensorFlow's own writer stores it.
  const Bytes frame = frame_record(bytes_of("abc"));
  EXPECT_EQ(frame.size(), 12u + 3u + 4u);
  EXPECT_THAT(Bytes(frame.begin(), frame.begin() + 8), ::testing::ElementsAre(3, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_EQ(Bytes(frame.begin() + 12, frame.begin() + 15), bytes_of("abc"));
}

}  // namespace
}  // namespace assemble
