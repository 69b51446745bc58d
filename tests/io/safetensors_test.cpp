// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename T>
std::span<const uint8_t> raw(const std::vector<T>& values) {
  return {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)};
}

class Safetensors : public ::testing::Test {
 protected:
  /// Writes a file with this header and that many bytes of data.
  void write_raw(const std::string& header, size_t data) {
    const auto length = static_cast<uint64_t>(header.size());
    AtomicFile file(path_);
    file.write(std::span(reinterpret_cast<const uint8_t*>(&length), 8));
    file.write(header);
    file.write(Bytes(data));
    file.commit();
  }
  std::string error_with(const std::string& header, size_t data) {
    write_raw(header, data);
    return error_of<InputError>([&] { SafetensorsFile{path_}; });
  }

  TemporaryFolder folder_;
  const fs::path path_ = folder_ / "a.safetensors";
};

TEST_F(Safetensors, RoundTrip) {
  const std::vector<float> weights = {1.5f, -2.0f, 0.0f, 3e38f, 1e-40f, 6.0f};
  const std::vector<int64_t> step = {-7};
  const Bytes flags = {1, 0, 1};
  write_safetensors(path_,
                    {{"z.weight", DataType::kF32, {2, 3}, raw(weights)},
                     {"flags", DataType::kBool, {3}, flags},
                     {"step", DataType::kI64, {}, raw(step)},
                     {"empty", DataType::kF16, {0, 4}, {}}},
                    {{"arch", "resnet50+d"}, {"note", "\xC3\xA4 \"quoted\"\n"}});
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.path(), path_);
  EXPECT_EQ(file.metadata(),
            (std::map<std::string, std::string>{{"arch", "resnet50+d"}, {"note", "\xC3\xA4 \"quoted\"\n"}}));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.read_f32("z.weight"), weights);
  EXPECT_THAT(file.entry("z.weight").shape, ElementsAre(2, 3));
  EXPECT_EQ(file.entry("z.weight").begin, 0u);
  EXPECT_EQ(file.read("flags"), flags);
  EXPECT_THAT(file.entry("step").shape, IsEmpty());
  EXPECT_EQ(file.read("step"), Bytes({0xF9, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}));
  EXPECT_THAT(file.read("empty"), IsEmpty());
}

TEST_F(Safetensors, KnownBytes) {
  write_safetensors(path_, {{"a", DataType::kU8, {2}, Bytes{7, 8}}}, {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  std::string expected(8, '\0');
  expected[0] = static_cast<char>(padded);
  expected += header + std::string(padded - header.size(), ' ') + "\x07\x08";
  EXPECT_EQ(test::read_text(path_), expected);
}

TEST_F(Safetensors, DataBeginsAtAMultipleOfEight) {
  for (size_t length = 1; length <= 9; ++length) {
    write_safetensors(path_, {{std::string(length, 'n'), DataType::kU8, {1}, Bytes{1}}}, {});
    EXPECT_EQ(fs::file_size(path_) % 8, 1u);
  }
}

TEST_F(Safetensors, EveryElementTypeHasItsNameAndSize) {
  const std::vector<std::pair<const char*, int64_t>> expected = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"I16", 2},  {"U16", 2}, {"I32", 4}, {"U32", 4},
      {"I64", 8},  {"U64", 8}, {"F16", 2}, {"BF16", 2}, {"F32", 4}, {"F64", 8}};
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto type = static_cast<DataType>(i);
    EXPECT_STREQ(data_type_name(type), expected[i].first);
    EXPECT_EQ(element_size(type), expected[i].second);
    const Bytes bytes(static_cast<size_t>(expected[i].second));
    write_safetensors(path_, {{"t", type, {}, bytes}}, {});
    EXPECT_EQ(SafetensorsFile(path_).entry("t").type, type);
  }
}

TEST_F(Safetensors, AcceptsAnyOrderInTheHeader) {
  write_raw(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},"a":{"data_offsets":[0,3],"shape":[3],"dtype":"I8"},
                "e":{"dtype":"F32","shape":[0],"data_offsets":[3,3]}}   )",
            5);
  EXPECT_EQ(SafetensorsFile(path_).tensors().size(), 3u);
}

TEST_F(Safetensors, AFileWithoutTensorsIsFine) {
  write_safetensors(path_, {}, {});
  EXPECT_THAT(SafetensorsFile(path_).tensors(), IsEmpty());
}

TEST_F(Safetensors, NamesTheNearestTensor) {
  write_safetensors(path_, {{"conv1.weight", DataType::kU8, {1}, Bytes{1}}}, {});
  const SafetensorsFile file(path_);
  EXPECT_THAT(error_of<InputError>([&] { file.read("conv.weight"); }),
              HasSubstr("has no tensor 'conv.weight' (did you mean 'conv1.weight'?)"));
  EXPECT_THAT(error_of<InputError>([&] { file.read_f32("conv1.weight"); }),
              HasSubstr("tensor 'conv1.weight': has the element type U8, expected F32"));
}

TEST_F(Safetensors, RefusesHostileLengths) {
  for (uint64_t length : {uint64_t{17}, uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 7}) {
    Bytes bytes(24);
    std::memcpy(bytes.data(), &length, 8);
    write_file(path_, bytes);
    EXPECT_THAT(
        error_of<InputError>([&] { SafetensorsFile{path_}; }),
        HasSubstr(concat("at offset 0: the header's length is given as ", length, " bytes, expected at most 16")));
  }
  write_file(path_, Bytes(7));
  EXPECT_THAT(error_of<InputError>([&] { SafetensorsFile{path_}; }), HasSubstr("has 7 bytes, expected at least 8"));
}

TEST_F(Safetensors, RefusesAHeaderThatIsNotOne) {
  EXPECT_THAT(error_with("{\"a\":", 0), HasSubstr("header at offset 8: is not JSON"));
  EXPECT_THAT(error_with("[]", 0), HasSubstr("is not a JSON object"));
  EXPECT_THAT(error_with("", 0), HasSubstr("is not JSON"));
  EXPECT_THAT(error_with("\x80\x02}q", 0), HasSubstr("is not JSON"));
  EXPECT_THAT(error_with("{\"\xFF\":1}", 0), HasSubstr("is not JSON"));
  EXPECT_THAT(error_with(std::string(1000000, '['), 0), HasSubstr("is nested too deeply"));
  EXPECT_THAT(error_with(R"({"a":5})", 0), HasSubstr("tensor 'a': lacks dtype, shape or data_offsets"));
  EXPECT_THAT(error_with(R"({"a":{"dtype":"U8","shape":[1]}})", 1), HasSubstr("lacks dtype"));
  EXPECT_THAT(error_with(R"({"__metadata__":{"a":1}})", 0), HasSubstr("the value of 'a' is not a string"));
  EXPECT_THAT(error_with(R"({"__metadata__":[]})", 0), HasSubstr("'__metadata__': is not a JSON object"));
}

std::string header_of(const std::string& type, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST_F(Safetensors, RefusesANumberBeyondAnyType) {
  EXPECT_THAT(error_with(R"({"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,0]}})", 0),
              HasSubstr("header at offset 8: holds a number too large to be read"));
}

TEST_F(Safetensors, RefusesEntriesThatDoNotFit) {
  EXPECT_THAT(error_with(header_of("F32", "[2]", "[0,4]"), 4), HasSubstr("shape [2] of F32 does not fit its 4 bytes"));
  EXPECT_THAT(error_with(header_of("F32", "[1]", "[0,4]"), 3),
              HasSubstr("bytes 0 to 4 do not lie in the file's data of 3"));
  EXPECT_THAT(error_with(header_of("U8", "[1]", "[2,1]"), 4), HasSubstr("bytes 2 to 1 do not lie"));
  EXPECT_THAT(error_with(header_of("U8", "[0]", "[0,0,0]"), 0), HasSubstr("data_offsets must be two numbers"));
  EXPECT_THAT(error_with(header_of("F8_E4M3", "[1]", "[0,1]"), 1), HasSubstr("the element type F8_E4M3, which is not"));
  for (const char* shape : {"[-1]", "[1.0]", "[\"1\"]", "[9223372036854775808]", "[1e3]", "[null]"}) {
    EXPECT_THAT(error_with(header_of("U8", shape, "[0,1]"), 1), HasSubstr("must be whole numbers")) << shape;
  }
}

TEST_F(Safetensors, RefusesShapesThatOverflow) {
  // 2^32 × 2^32 and 2^62 × 4 wrap around to 0 bytes.
  EXPECT_THAT(error_with(header_of("U8", "[4294967296,4294967296]", "[0,0]"), 0),
              HasSubstr("does not fit its 0 bytes"));
  EXPECT_THAT(error_with(header_of("F32", "[4611686018427387904]", "[0,0]"), 0), HasSubstr("does not fit its 0 bytes"));
}

TEST_F(Safetensors, RefusesOverlapsAndHoles) {
  const auto two = [](const char* first, const char* second) {
    return std::string(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)") + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  EXPECT_THAT(error_with(two("[0,2]", "[1,3]"), 3), HasSubstr("tensor 'b': overlaps another tensor at byte 1"));
  EXPECT_THAT(error_with(two("[0,2]", "[0,2]"), 2), HasSubstr("overlaps another tensor at byte 0"));
  EXPECT_THAT(error_with(two("[0,2]", "[3,5]"), 5), HasSubstr("tensor 'b': begins at byte 3 of the data, expected 2"));
  EXPECT_THAT(error_with(two("[1,3]", "[3,5]"), 5), HasSubstr("tensor 'a': begins at byte 1 of the data, expected 0"));
  EXPECT_THAT(error_with(two("[0,2]", "[2,4]"), 5), HasSubstr("its tensors take 4 bytes, but the data has 5"));
}

TEST_F(Safetensors, RefusesNamesThatOccurTwice) {
  EXPECT_THAT(error_with(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
                             "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                         1),
              HasSubstr("tensor 'a': occurs twice in the header"));
}

TEST_F(Safetensors, EveryTruncationIsFound) {
  write_safetensors(path_, {{"a", DataType::kU8, {3}, Bytes{1, 2, 3}}}, {{"k", "v"}});
  const Bytes whole = read_file(path_);
  for (size_t size = 0; size < whole.size(); ++size) {
    test::write_bytes(path_, std::span(whole).first(size));
    EXPECT_THROW(SafetensorsFile{path_}, InputError) << size;
  }
}

TEST_F(Safetensors, WriterRefusesWhatItCouldNotReadBack) {
  const Bytes four(4);
  EXPECT_THAT(error_of<UsageError>([&] {
                write_safetensors(path_, {{"a", DataType::kF32, {2}, four}}, {});
              }),
              HasSubstr("tensor 'a': shape [2] of F32 does not fit 4 bytes"));
  EXPECT_THAT(error_of<UsageError>([&] {
                write_safetensors(path_, {{"a", DataType::kF32, {1}, four}, {"a", DataType::kF32, {}, four}}, {});
              }),
              HasSubstr("the name occurs twice"));
  EXPECT_THAT(error_of<UsageError>([&] {
                write_safetensors(path_, {{"__metadata__", DataType::kF32, {1}, four}}, {});
              }),
              HasSubstr("the name is reserved"));
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(Safetensors, AFullDiskLeavesNothing) {
  const Bytes data(5000);
  {
    const test::FileSizeLimit limit(1000);
    EXPECT_THROW(write_safetensors(path_, {{"a", DataType::kU8, {5000}, data}}, {}), RunError);
  }
  EXPECT_THAT(test::list_files(folder_.path()), IsEmpty());
}

TEST_F(Safetensors, ReadsFilesOfThePythonPackage) {
  ASSEMBLE_REQUIRE_GOLDEN(golden);
  const SafetensorsFile file(golden / "metrics.safetensors");
  EXPECT_FALSE(file.tensors().empty());
  for (const auto& [name, entry] : file.tensors()) EXPECT_EQ(file.read(name).size(), entry.end - entry.begin) << name;
}

}  // namespace
}  // namespace assemble
