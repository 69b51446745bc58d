// SPDX-License-Identifier: Apache-2.0
#include "assemble/core/checksum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

TEST(Crc32c, KnownAnswers) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(Bytes(32, 0x00)), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43u);
}

TEST(Crc32c, ContinuesOverParts) { EXPECT_EQ(crc32c(bytes_of("6789"), crc32c(bytes_of("12345"))), 0xE3069283u); }

TEST(ContentHash, IsXxh3Of128Bits) {
  const test::TemporaryFolder folder;
  write_file(folder / "empty", std::string_view());
  EXPECT_EQ(content_hash(folder / "empty"), "99aa06d3014798d86001c324468d497f");
  write_file(folder / "a", std::string_view("a"));
  EXPECT_EQ(content_hash(folder / "a"), "a96faf705af16834e6c632b61e964e1f");
  EXPECT_EQ(content_hash(bytes_of("a")), "a96faf705af16834e6c632b61e964e1f");
}

TEST(ContentHash, DependsOnEachByteAndOnNothingElse) {
  const test::TemporaryFolder folder;
  Bytes bytes((size_t{1} << 20) + 7);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i >> 7);
  write_file(folder / "one", bytes);
  write_file(folder / "two", bytes);
  const std::string hash = content_hash(folder / "one");
  EXPECT_EQ(content_hash(folder / "two"), hash);
  for (const size_t place : {size_t{0}, (size_t{1} << 20) - 1, size_t{1} << 20, bytes.size() - 1}) {
    bytes[place] ^= 1;
    write_file(folder / "two", bytes);
    EXPECT_NE(content_hash(folder / "two"), hash) << place;
    bytes[place] ^= 1;
  }
  bytes.pop_back();
  write_file(folder / "two", bytes);
  EXPECT_NE(content_hash(folder / "two"), hash);
  EXPECT_THROW(content_hash(folder / "absent"), InputError);
}

/// The standard's examples, and what sha256sum prints of a file of several parts.
TEST(Sha256, IsThatOfSha256sum) {
  const test::TemporaryFolder folder;
  const auto hash_of = [&](const std::string& text) {
    write_file(folder / "file", text);
    return sha256(folder / "file");
  };
  EXPECT_EQ(hash_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash_of(std::string((size_t{3} << 20) + 1, 'a')),
            "2b98b70051781969f52a33c9cd0e8392bb7a634a92a3be4597b25e13feb41ee6");
  EXPECT_THROW(sha256(folder / "absent"), InputError);
}

}  // namespace
}  // namespace assemble
