// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/inflate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::deflated;
using test::error_of;
using ::testing::HasSubstr;

Bytes sample_bytes(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * i / 7 + i / 1000);
  return bytes;
}

class Inflate : public testing::Test {
 protected:
  Bytes inflate(const Bytes& compressed, uint64_t limit = 1 << 30) {
    write_file(folder_ / "in", compressed);
    inflate_file(folder_ / "in", folder_ / "out", limit);
    return read_file(folder_ / "out");
  }
  test::TemporaryFolder folder_;
};

TEST_F(Inflate, ReadsGzipAndZlibOfAnySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 18, (size_t{1} << 18) + 1, size_t{1500000}}) {
    const Bytes bytes = sample_bytes(size);
    for (const int bits : {15, 31}) {
      const Bytes compressed = deflated(bytes, bits);
      EXPECT_TRUE(is_deflated(compressed));
      EXPECT_EQ(inflate(compressed), bytes) << size;
    }
  }
  EXPECT_EQ(inflate(deflated(Bytes(5000000), 31)), Bytes(5000000)) << "much more comes out than goes in";
}

TEST_F(Inflate, ReadsSeveralStreamsOneAfterTheOther) {
  Bytes compressed = deflated(sample_bytes(1000), 31);
  const Bytes second = deflated(sample_bytes(500), 31);
  compressed.insert(compressed.end(), second.begin(), second.end());
  EXPECT_EQ(inflate(compressed).size(), 1500u);
}

TEST_F(Inflate, RefusesDamageTruncationAndBombs) {
  const Bytes compressed = deflated(sample_bytes(100000), 31);
  for (size_t size = 0; size < compressed.size(); size += 1 + compressed.size() / 50) {
    if (size == 0) continue;
    EXPECT_THROW(inflate({compressed.begin(), compressed.begin() + static_cast<std::ptrdiff_t>(size)}), InputError);
  }
  Bytes damaged = compressed;
  damaged[damaged.size() / 2] ^= 0x55;
  EXPECT_THAT(error_of<InputError>([&] { inflate(damaged); }), HasSubstr("near offset"));
  EXPECT_THAT(error_of<InputError>([&] { inflate(deflated(Bytes(1 << 20), 31), 1 << 19); }),
              HasSubstr("inflates to more than 524288 bytes"));
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  EXPECT_FALSE(is_deflated(Bytes{}));
  EXPECT_FALSE(is_deflated(Bytes{8, 0, 0}));
}

TEST_F(Inflate, InMemory) {
  const Bytes whole(1 << 20, 7);
  for (const int window : {15, 31}) {
    const Bytes packed = deflated(whole, window);
    EXPECT_EQ(inflate_bytes(packed, "x", 1 << 20), whole);
    const auto cut = [&] { inflate_bytes(std::span(packed).first(packed.size() - 9), "x", 1 << 20); };
    EXPECT_THAT(error_of<InputError>(cut), HasSubstr("x: the compressed stream ends too early"));
    EXPECT_THAT(error_of<InputError>([&] { inflate_bytes(packed, "x", 1 << 19); }),
                HasSubstr("inflates to more than 524288 bytes"));
  }
  EXPECT_THAT(error_of<InputError>([&] { inflate_bytes(Bytes(64, 0x55), "x", 1 << 19); }), HasSubstr("damaged"));
}

}  // namespace
}  // namespace assemble
