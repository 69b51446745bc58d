// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/tf_example.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using ::testing::HasSubstr;
using Strings = std::vector<std::string>;
using Floats = std::vector<float>;
using Ints = std::vector<int64_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// A length-delimited protobuf field of fewer than 128 bytes.
Bytes field(uint8_t number, const Bytes& content) {
  return Bytes{static_cast<uint8_t>(number << 3 | 2), static_cast<uint8_t>(content.size())} + content;
}

/// An Example with one feature "k" whose Feature message is `feature`.
Bytes example_of(const Bytes& feature) { return field(1, field(1, field(1, {'k'}) + field(2, feature))); }

Example parse(const Bytes& bytes) { return parse_example(bytes, "a.tfrecord record 3"); }

TEST(ParseExample, ReadsBytes) {
  EXPECT_EQ(parse(example_of(field(1, field(1, {'a', 0, 'b'}) + field(1, {})))),
            (Example{{"k", Strings{std::string("a\0b", 3), ""}}}));
}

TEST(ParseExample, ReadsPackedAndSingleFloats) {
  const Example expected{{"k", Floats{1.0f, -2.0f}}};
  const Bytes one = {0, 0, 0x80, 0x3F}, minus_two = {0, 0, 0, 0xC0};
  EXPECT_EQ(parse(example_of(field(2, field(1, one + minus_two)))), expected);
  EXPECT_EQ(parse(example_of(field(2, Bytes{0x0D} + one + Bytes{0x0D} + minus_two))), expected);
  EXPECT_EQ(parse(example_of(field(2, field(1, one) + Bytes{0x0D} + minus_two))), expected);
}

TEST(ParseExample, ReadsPackedAndSingleInts) {
  const Bytes minus_one = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01};
  const Example expected{{"k", Ints{300, -1}}};
  EXPECT_EQ(parse(example_of(field(3, field(1, Bytes{0xAC, 0x02} + minus_one)))), expected);
  EXPECT_EQ(parse(example_of(field(3, Bytes{0x08, 0xAC, 0x02, 0x08} + minus_one))), expected);
}

TEST(ParseExample, SkipsUnknownFields) {
  const Bytes unknown = Bytes{0x78, 0x05} + field(14, {'x'}) + Bytes{0x6D, 1, 2, 3, 4, 0x69, 1, 2, 3, 4, 5, 6, 7, 8};
  const Bytes list = unknown + field(1, {7}) + unknown;
  const Bytes feature = unknown + field(3, list);
  const Bytes entry = unknown + field(1, {'k'}) + field(2, feature);
  ASSERT_LT(entry.size(), 120u);
  EXPECT_EQ(parse(unknown + field(1, field(1, entry))), (Example{{"k", Ints{7}}}));
}

TEST(ParseExample, EmptyOnes) {
  EXPECT_TRUE(parse({}).empty());
  EXPECT_TRUE(parse(field(1, {})).empty());
  EXPECT_EQ(parse(example_of({})), (Example{{"k", Strings{}}}));
  EXPECT_EQ(parse(example_of(field(2, {}))), (Example{{"k", Floats{}}}));
  EXPECT_EQ(parse(field(1, field(1, {}))), (Example{{"", Strings{}}}));
}

TEST(ParseExample, TheLastOfANameCounts) {
  const Bytes entry_one = field(1, field(1, {'k'}) + field(2, field(3, field(1, {1}))));
  const Bytes entry_two = field(1, field(1, {'k'}) + field(2, field(3, field(1, {2}))));
  EXPECT_EQ(parse(field(1, entry_one + entry_two)), (Example{{"k", Ints{2}}}));
  EXPECT_EQ(parse(field(1, entry_one) + field(1, entry_two)), (Example{{"k", Ints{2}}}));
}

TEST(ParseExample, NamesThePlaceOfADefect) {
  // The floats of the list are 3 bytes long.
  EXPECT_THAT(error_of<InputError>([] {
                parse(example_of(field(2, field(1, {1, 2, 3}))));
              }),
              HasSubstr("a.tfrecord record 3 at byte 11: is not a tf.train.Example"));
  EXPECT_THAT(error_of<InputError>([] { parse({0x0A, 0x05, 0x0A}); }), HasSubstr("record 3 at byte 0: "));
  EXPECT_THAT(error_of<InputError>([] { parse({0xFF}); }), HasSubstr("at byte 0: "));
}

TEST(ParseExample, RefusesHostileInput) {
  const std::vector<Bytes> hostile = {
      {0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F},              // a length of 2^63 - 1
      {0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},  // a number of eleven bytes
      {0x00},                                                                    // field number 0
      {0x0B},                                                                    // a group begins
      {0x0F, 0x01},                                                              // wire type 7
      {0x0D, 0x01},                                                              // a cut number
  };
  for (const Bytes& bytes : hostile) EXPECT_THROW(parse(bytes), InputError) << static_cast<int>(bytes[0]);
}

TEST(SerialiseExample, KnownBytes) {
  const Bytes bytes = serialise_example({{"k", Ints{300, -1}}});
  EXPECT_EQ(bytes,
            example_of(field(3, field(1, {0xAC, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}))));
  EXPECT_EQ(serialise_example({{"k", Floats{1.0f}}}), example_of(field(2, field(1, {0, 0, 0x80, 0x3F}))));
  EXPECT_EQ(serialise_example({{"k", Strings{"a", ""}}}), example_of(field(1, field(1, {'a'}) + field(1, {}))));
}

TEST(SerialiseExample, RoundTrip) {
  const Example example = {{"image/encoded", Strings{std::string(70000, '\xFF')}},
                           {"image/class/label", Ints{std::numeric_limits<int64_t>::min(), 0, INT64_MAX}},
                           {"image/logit", Floats{0.0f, -0.0f, 1e-45f, std::numeric_limits<float>::infinity()}},
                           {"no/strings", Strings{}},
                           {"no/floats", Floats{}},
                           {"no/ints", Ints{}},
                           {"", Strings{"", "x"}}};
  EXPECT_EQ(parse(serialise_example(example)), example);
  EXPECT_TRUE(parse(serialise_example({})).empty());
}

TEST(ParseExample, EveryTruncationIsAnErrorOrAShorterExample) {
  const Bytes whole = serialise_example({{"a", Ints{1, 2}}, {"b", Floats{1.5f}}, {"c", Strings{"xyz"}}});
  for (size_t size = 1; size < whole.size(); ++size) {
    EXPECT_THROW(parse(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))), InputError) << size;
  }
}

}  // namespace
}  // namespace assemble
