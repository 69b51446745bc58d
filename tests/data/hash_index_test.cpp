// SPDX-License-Identifier: Apache-2.0
#include "../../src/data/check/hash_index.h"

#include <gmock/gmock.h>

#include <bit>
#include <map>

#include "assemble/core/random.h"

namespace assemble::check {
namespace {

uint64_t with_changed_bits(uint64_t hash, int bits, Random& random) {
  uint64_t changed = hash;
  while (std::popcount(changed ^ hash) < bits) changed ^= uint64_t{1} << random.integer(64);
  return changed;
}

TEST(HashIndex, FindsWhatComparingAllFindsEachOnce) {
  Random random(1, RandomPurpose::kDraw);
  std::vector<uint64_t> hashes;
  for (int i = 0; i < 300; ++i) hashes.push_back(uint64_t{random()} << 32 | random());
  for (int bits = 0; bits <= 15; ++bits) {
    for (int i = 0; i < 20; ++i) hashes.push_back(with_changed_bits(hashes[static_cast<size_t>(i)], bits, random));
  }
  const HashIndex index(hashes);
  size_t found = 0;
  for (size_t query = 0; query < hashes.size(); ++query) {
    std::map<uint32_t, int> expected, seen;
    for (size_t other = 0; other < hashes.size(); ++other) {
      const int bits = std::popcount(hashes[query] ^ hashes[other]);
      if (bits <= HashIndex::kMostBits) expected[static_cast<uint32_t>(other)] = bits;
    }
    index.search(hashes[query],
                 [&](uint32_t place, int bits) { EXPECT_TRUE(seen.emplace(place, bits).second) << "found twice"; });
    EXPECT_EQ(seen, expected);
    found += seen.size();
  }
  EXPECT_GT(found, hashes.size() + 1000);
}

TEST(HashIndex, MayBeEmpty) {
  HashIndex({}).search(7, [](uint32_t, int) { FAIL(); });
}

}  // namespace
}  // namespace assemble::check
