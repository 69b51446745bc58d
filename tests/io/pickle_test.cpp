// SPDX-License-Identifier: Apache-2.0
#include "../../src/io/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble::pickle {
namespace {

using namespace std::string_view_literals;
using test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Kind = Value::Kind;

/// A pickle and the interpreter that owns what it made.
class Read {
 public:
  explicit Read(std::string_view pickle)
      : bytes_(pickle.begin(), pickle.end()), unpickler_(bytes_, "here"), value_(unpickler_.load()) {}
  const Value* operator->() const { return &value_; }
  const Value& operator*() const { return value_; }

 private:
  Bytes bytes_;
  Unpickler unpickler_;
  const Value& value_;
};

std::string loading_error(std::string_view pickle) {
  return error_of<InputError>([&] { Read{pickle}; });
}

TEST(Pickle, NumbersOfEveryProtocol) {
  for (const auto& [pickle, number] :
       {std::pair("I-12\n."sv, int64_t{-12}), std::pair("L12L\n."sv, int64_t{12}), std::pair("K\xff."sv, int64_t{255}),
        std::pair("M\x01\x01."sv, int64_t{257}), std::pair("J\xfe\xff\xff\xff."sv, int64_t{-2}),
        std::pair("\x8a\x02\x00\xff."sv, int64_t{-256}), std::pair("\x8b\x01\x00\x00\x00\x05."sv, int64_t{5})}) {
    const Read value(pickle);
    EXPECT_EQ(value->kind, Kind::kInt);
    EXPECT_EQ(value->number, number);
  }
  EXPECT_EQ(Read("I01\n.")->kind, Kind::kBool);
  EXPECT_EQ(Read("F1.5\n.")->kind, Kind::kFloat);
  EXPECT_EQ(Read("G\x3f\xf8\0\0\0\0\0\0."sv)->kind, Kind::kFloat);
}

TEST(Pickle, StringsOfPython2AreLatin1) {
  EXPECT_EQ(Read("S'it\\'s\\x41\\n\\\\'\n.")->text, "it'sA\n\\");
  EXPECT_EQ(Read("U\x04"
                 "caf\xe9."sv)
                ->text,
            "caf\xc3\xa9");
  EXPECT_EQ(Read("T\x02\0\0\0ab."sv)->text, "ab");
  EXPECT_EQ(Read("Vab\n.")->text, "ab");
}

TEST(Pickle, ContainersOfEveryProtocol) {
  EXPECT_EQ(Read("(I1\nI2\nt.")->items.size(), 2u);
  EXPECT_EQ(Read("(lp0\nI1\nag0\na.")->items.size(), 2u);
  EXPECT_EQ(Read("(dp0\nS'a'\nI1\ns.")->items.size(), 2u);
  EXPECT_EQ(Read("(S'a'\nI1\nd.")->items[1]->number, 1);
  EXPECT_EQ(Read("\x8f(K\1K\2\x90.")->items.size(), 2u);
  EXPECT_EQ(Read("K\1K\2"
                 "0.")
                ->number,
            1);
}

TEST(Pickle, AnOrderedDictOfPython2ComesAsPairs) {
  const Read value("ccollections\nOrderedDict\n((l(lS'a'\naI1\naatR.");
  EXPECT_EQ(value->kind, Kind::kDict);
  ASSERT_EQ(value->items.size(), 2u);
  EXPECT_EQ(value->items[0]->text, "a");
}

TEST(Pickle, InstancesOfUnknownClassesKeepTheirName) {
  for (const std::string_view pickle :
       {"(iargparse\nNamespace\n(dS'lr'\nI1\nsb."sv, "(cargparse\nNamespace\no}b."sv,
        "cargparse\nNamespace\n)\x81}b."sv,
        "ccopy_reg\n_reconstructor\n(cargparse\nNamespace\nc__builtin__\nobject\nNtR}b."sv,
        "\x8c\x08"
        "argparse\x8c\x09Namespace\x93)}\x92}b."sv}) {
    EXPECT_EQ(describe(*Read(pickle)), "an object of argparse.Namespace");
  }
}

TEST(Pickle, CommandsAreRefused) {
  EXPECT_THAT(loading_error("cos\nsystem\n(S'true'\ntR."),
              AllOf(HasSubstr("here at offset 0: opcode 'c' names 'os.system', which is not allowed")));
  for (const std::string_view name :
       {"posix\nsystem"sv, "__builtin__\neval"sv, "builtins\nexec"sv, "subprocess\nPopen"sv}) {
    EXPECT_THAT(loading_error(concat("c", name, "\n.")), HasSubstr("is not allowed"));
  }
  EXPECT_THAT(loading_error("\x8c\2os\x8c\6system\x93."), HasSubstr("names 'os.system'"));
}

TEST(Pickle, MemoryIsBoundedByThePicklesSize) {
  const size_t count = 4'000'000;
  EXPECT_THAT(loading_error(std::string(count, ']') + "."), HasSubstr("asks for more memory than a pickle of 4000001"));
  EXPECT_THAT(loading_error(std::string(count, '}') + "."), HasSubstr("asks for more memory"));
  EXPECT_THAT(loading_error("]" + std::string(count, '\x94') + "."), HasSubstr("asks for more memory"));
  EXPECT_THAT(loading_error("(" + std::string(count, 'N') + "t" + "2" + std::string(count, '\x85') + "."),
              HasSubstr("asks for more memory"));
  // What there is but one of costs nothing.
  EXPECT_EQ(Read("(" + std::string(1'000'000, 'N') + "t.")->items.size(), 1'000'000u);
}

TEST(Pickle, AnyDepthIsReadAndFreed) { EXPECT_EQ(Read(")" + std::string(500'000, '\x85') + ".")->kind, Kind::kTuple); }

TEST(Pickle, PlacesOfTheMemoMayLieApart) {
  const Read value("(K\1r\xff\xff\xff\xffp70000\nj\xff\xff\xff\xffg70000\nt.");
  EXPECT_EQ(value->items.size(), 3u);
  EXPECT_THAT(loading_error("g1\n."), HasSubstr("names the empty place 1"));
  EXPECT_THAT(loading_error("gx\n."), HasSubstr("names no place"));
}

TEST(Pickle, DefectsAreNamedWithTheirOffsets) {
  EXPECT_THAT(loading_error("K\1"), HasSubstr("here at offset 2: ends before the pickle's STOP"));
  EXPECT_THAT(loading_error("X\xff\0\0\0a."sv), HasSubstr("opcode 'X' names 255 bytes, more than there are"));
  EXPECT_THAT(loading_error("."), HasSubstr("finds an empty stack"));
  EXPECT_THAT(loading_error("K\1t."), HasSubstr("finds no mark"));
  EXPECT_THAT(loading_error("K\1K\1a."), HasSubstr("needs a list"));
  EXPECT_THAT(loading_error("K\1}b."), HasSubstr("needs an object"));
  EXPECT_THAT(loading_error("Ione\n."), HasSubstr("no whole number"));
  EXPECT_THAT(loading_error("\x82\x01."), HasSubstr("opcode 0x82 is not allowed"));
}

}  // namespace
}  // namespace assemble::pickle
