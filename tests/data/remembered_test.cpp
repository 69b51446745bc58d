// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/remembered.h"

#include <gtest/gtest.h>

#include <atomic>

namespace assemble {
namespace {

/// Sequences that count how often they are made; number 2 cannot be.
class Counted : public Sequences {
 public:
  int64_t size() const override { return 4; }
  std::vector<Image> read(int64_t index) const override {
    ++made;
    if (index == 2) throw InputError("sequence 2", "is broken");
    return {Image{1, 1, std::vector<uint8_t>(3, static_cast<uint8_t>(index))}};
  }
  mutable std::atomic<int> made = 0;
};

TEST(RememberedSequences, AreMadeOnceAsLongAsTheyFit) {
  const Counted counted;
  const RememberedSequences all(counted);
  for (int pass = 0; pass < 3; ++pass) {
    for (const int64_t index : {0, 1, 3}) EXPECT_EQ(all.read(index).front().pixels[0], index);
  }
  EXPECT_EQ(counted.made, 3);
  EXPECT_EQ(all.size(), 4);
  const Counted again;
  const RememberedSequences some(again, 6);  // bytes of two of them
  for (int pass = 0; pass < 3; ++pass) {
    for (const int64_t index : {0, 1, 3}) EXPECT_EQ(some.read(index).front().pixels[0], index);
  }
  EXPECT_EQ(again.made, 2 + 3);
}

TEST(RememberedSequences, WhatCannotBeMadeFailsEachTime) {
  const Counted counted;
  const RememberedSequences all(counted);
  EXPECT_THROW(all.read(2), InputError);
  EXPECT_THROW(all.read(2), InputError);
  EXPECT_EQ(counted.made, 2);
}

}  // namespace
}  // namespace assemble
