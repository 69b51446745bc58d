// SPDX-License-Identifier: Apache-2.0
#include "assemble/io/torch_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "assemble/core/error.h"
#include "fuzz_targets.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using test::write_bytes;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

fs::path stored(const std::string& name) { return test::stored_golden("torch/" + name); }

template <typename T>
std::vector<T> values(const TorchArchive& archive, const std::string& name) {
  const Bytes bytes = archive.read(name);
  std::vector<T> numbers(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

std::string opening_error(const fs::path& path) {
  return error_of<InputError>([&] { TorchArchive{path}; });
}

/// Both formats of torch.save hold the same checkpoint, see the names.
class StoredCheckpoint : public ::testing::TestWithParam<const char*> {};

TEST_P(StoredCheckpoint, StateDictionaryIsRead) {
  const TorchArchive archive(stored(GetParam()));
  EXPECT_THAT(archive.entry("state_dict.0.weight").shape, ElementsAre(2, 3, 1, 1));
  EXPECT_THAT(values<float>(archive, "state_dict.0.weight"), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(values<float>(archive, "state_dict.1.running_var"), ElementsAre(1, 1));
  EXPECT_EQ(archive.entry("state_dict.1.num_batches_tracked").type, DataType::kI64);
  EXPECT_THAT(error_of<InputError>([&] { archive.read("state_dict.0.weigth"); }),
              HasSubstr("did you mean 'state_dict.0.weight'?"));
}

TEST_P(StoredCheckpoint, EveryElementTypeIsRead) {
  const TorchArchive archive(stored(GetParam()));
  EXPECT_THAT(values<double>(archive, "types.f64"), ElementsAre(0.5, -1));
  EXPECT_THAT(values<uint16_t>(archive, "types.f16"), ElementsAre(0x3E00));
  EXPECT_THAT(values<uint16_t>(archive, "types.bf16"), ElementsAre(0xC000));
  EXPECT_THAT(values<int64_t>(archive, "types.i64"), ElementsAre(-5, int64_t{1} << 40));
  EXPECT_THAT(values<int32_t>(archive, "types.i32"), ElementsAre(7));
  EXPECT_THAT(values<int16_t>(archive, "types.i16"), ElementsAre(-3));
  EXPECT_THAT(values<int8_t>(archive, "types.i8"), ElementsAre(-1));
  EXPECT_THAT(values<uint8_t>(archive, "types.u8"), ElementsAre(255));
  EXPECT_THAT(values<uint8_t>(archive, "types.bool"), ElementsAre(1, 0));
}

TEST_P(StoredCheckpoint, ViewsAreGathered) {
  const TorchArchive archive(stored(GetParam()));
  EXPECT_THAT(archive.entry("views.transposed").shape, ElementsAre(4, 3));
  EXPECT_THAT(values<float>(archive, "views.transposed"), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  EXPECT_THAT(values<float>(archive, "views.middle"), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(archive.entry("views.scalar").shape, IsEmpty());
  EXPECT_THAT(values<float>(archive, "views.scalar"), ElementsAre(3.25f));
  EXPECT_THAT(values<float>(archive, "views.empty"), IsEmpty());
  EXPECT_THAT(values<float>(archive, "views.parameter"), ElementsAre(1, 1));
}

TEST_P(StoredCheckpoint, AnyTruncationIsAnError) {
  const Bytes whole = read_file(stored(GetParam()));
  const TemporaryFolder folder;
  for (size_t length = 0; length < whole.size(); length += 61) {
    write_bytes(folder / "short.pth", std::span(whole).first(length));
    EXPECT_THAT(opening_error(folder / "short.pth"), HasSubstr("short.pth")) << length;
  }
}

TEST_P(StoredCheckpoint, NoChangedByteIsFatal) {
  const Bytes whole = read_file(stored(GetParam()));
  const TemporaryFolder folder;
  for (size_t place = 0; place < whole.size(); place += 7) {
    Bytes changed = whole;
    changed[place] ^= 0x41;
    write_bytes(folder / "changed.pth", changed);
    try {
      const TorchArchive archive(folder / "changed.pth");
      for (const auto& [name, entry] : archive.tensors()) archive.read(name);
    } catch (const InputError&) {
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, StoredCheckpoint, ::testing::Values("checkpoint.pth", "checkpoint_legacy.pth"),
                         [](const auto& info) { return std::string(info.param[10] == '.' ? "Zip" : "Legacy"); });

TEST(TorchArchive, CodeIsRefusedWithOpcodeAndOffset) {
  EXPECT_THAT(opening_error(stored("code.pth")), AllOf(HasSubstr("code/data.pkl' at offset "),
                                                       HasSubstr("opcode 'c' names"), HasSubstr(".eval', which is")));
}

/// The same state dictionary in files of every protocol of pickle, and as Python 2 wrote them.
class StoredByPickle : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(StoredByPickle, StateDictionaryIsRead) {
  const auto [file, prefix] = GetParam();
  const TorchArchive archive(stored(file));
  EXPECT_THAT(archive.entry(concat(prefix, "fc.weight")).shape, ElementsAre(2, 3));
  EXPECT_THAT(values<float>(archive, concat(prefix, "fc.weight")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(values<float>(archive, concat(prefix, "fc.bias")), ElementsAre(0.5f, -1));
  EXPECT_THAT(values<int64_t>(archive, concat(prefix, "steps")), ElementsAre(7));
}

INSTANTIATE_TEST_SUITE_P(Files, StoredByPickle,
                         ::testing::Values(std::pair("protocol1_legacy.pth", ""), std::pair("protocol3_legacy.pth", ""),
                                           std::pair("protocol4_legacy.pth", ""), std::pair("protocol5_legacy.pth", ""),
                                           std::pair("python2_protocol1.pth", "state_dict."),
                                           std::pair("python2_protocol2.pth", "state_dict."),
                                           std::pair("optimizer_legacy.pth", "state_dict."),
                                           std::pair("objects.pth", "state_dict.")));

TEST(TorchArchive, ALegacyOptimizerIsSetAsideWithItsStorages) {
  const TorchArchive archive(stored("optimizer_legacy.pth"));
  EXPECT_THAT(values<float>(archive, "best_acc1"), ElementsAre(71.5f));
  EXPECT_EQ(archive.extras().at("epoch").what, "a number");
  EXPECT_EQ(archive.extras().at("optimizer.param_groups").what, "a list");
  EXPECT_EQ(archive.tensors().size(), 4u);
}

TEST(TorchArchive, ObjectsOfAnyClassAreNamedAndSetAside) {
  const TorchArchive archive(stored("objects.pth"));
  const auto what = [&](const char* name) { return archive.extras().at(name).what; };
  EXPECT_EQ(what("args"), "an object of argparse.Namespace");
  EXPECT_EQ(what("best_acc"), "a NumPy number");
  EXPECT_EQ(what("history"), "a NumPy array");
  EXPECT_EQ(what("when"), "an object of datetime.datetime");
  EXPECT_EQ(what("where"), "an object of pathlib.PurePosixPath");
  EXPECT_EQ(what("size"), "an object of torch.Size");
  EXPECT_EQ(what("loss"), "a module of torch.nn.modules.loss.CrossEntropyLoss");
  EXPECT_EQ(what("counts.a"), "a number");
  EXPECT_EQ(archive.tensors().size(), 7u);
}

TEST(TorchArchive, RepeatedAndPermutedElementsAreGathered) {
  const TorchArchive archive(stored("objects.pth"));
  EXPECT_THAT(values<float>(archive, "state_dict.expanded"), ElementsAre(2, 2, 2));
  EXPECT_THAT(values<float>(archive, "state_dict.channels_last"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(archive.entry("state_dict.u16").type, DataType::kU16);
  EXPECT_THAT(values<uint16_t>(archive, "state_dict.u16"), ElementsAre(1, 65535));
  EXPECT_THAT(values<float>(archive, "state_dict.parameter"), ElementsAre(4));
}

TEST(TorchArchive, BigEndianFilesAreRead) {
  const TorchArchive archive(stored("big_endian.pth"));
  EXPECT_THAT(values<float>(archive, "a"), ElementsAre(1, -2.5f));
  EXPECT_THAT(values<int16_t>(archive, "b"), ElementsAre(258));
}

TEST(TorchArchive, TorchScriptsParametersAreRead) {
  const TorchArchive archive(stored("script.pt"));
  EXPECT_THAT(values<float>(archive, "fc.weight"), ElementsAre(1, 2));
  EXPECT_THAT(values<float>(archive, "fc.bias"), ElementsAre(3));
  EXPECT_THAT(archive.extras(), IsEmpty());
}

TEST(TorchArchive, TensorsThatCannotBeReadAreNamed) {
  const TorchArchive archive(stored("unreadable.pth"));
  EXPECT_THAT(values<float>(archive, "good"), ElementsAre(1));
  for (const auto& [name, what] : {std::pair("sparse", "a sparse tensor"), std::pair("quantised", "a quantised tensor"),
                                   std::pair("complex", "a tensor of torch.ComplexFloatStorage")}) {
    EXPECT_EQ(archive.extras().at(name).what, what);
    EXPECT_TRUE(archive.extras().at(name).is_tensor);
  }
}

TEST(TorchArchive, AWholeModuleIsNamed) {
  const TorchArchive archive(stored("module.pth"));
  EXPECT_THAT(archive.tensors(), IsEmpty());
  EXPECT_EQ(archive.extras().at("").what, "a module of torch.nn.modules.linear.Linear");
}

TEST(TorchArchive, SharedDictionariesDoNotMultiply) {
  // Each level holds the one below sixty times.
  std::string pickle = "\x80\x02}q";
  pickle += '\0';
  for (char level = 1; level < 8; ++level) {
    pickle += "}(";
    for (char key = 'A'; key < 'A' + 60; ++key) pickle += concat('U', '\1', key, 'h', static_cast<char>(level - 1));
    pickle += concat("uq", level);
  }
  const TemporaryFolder folder;
  pickle += '.';
  fuzz::zip_pickle(std::span(reinterpret_cast<const uint8_t*>(pickle.data()), pickle.size()), folder / "m.pth");
  EXPECT_THAT(opening_error(folder / "m.pth"), HasSubstr("hold more than"));
}

TEST(TorchArchive, AChangedWeightIsFoundByItsChecksum) {
  Bytes bytes = read_file(stored("checkpoint.pth"));
  const float wanted[] = {0, 1, 2, 3, 4, 5};
  const auto* pattern = reinterpret_cast<const uint8_t*>(wanted);
  const auto found = std::search(bytes.begin(), bytes.end(), pattern, pattern + sizeof(wanted));
  ASSERT_NE(found, bytes.end());
  found[6] ^= 1;
  const TemporaryFolder folder;
  write_bytes(folder / "changed.pth", bytes);
  const TorchArchive archive(folder / "changed.pth");
  EXPECT_THAT(error_of<InputError>([&] { archive.read("state_dict.0.weight"); }), HasSubstr("cannot be read"));
}

TEST(TorchArchive, OtherFilesAreRefused) {
  const TemporaryFolder folder;
  write_file(folder / "text.pth", std::string_view("not a checkpoint at all"));
  EXPECT_THAT(opening_error(folder / "text.pth"), HasSubstr("is a text, expected a file of torch.save"));
  write_file(folder / "bytes.pth", std::string_view("\1\2\3\4"));
  EXPECT_THAT(opening_error(folder / "bytes.pth"), HasSubstr("is no file of torch.save"));
  EXPECT_THAT(opening_error(folder / "absent.pth"), HasSubstr("absent.pth"));
}

TEST(TorchArchive, RoundTrip) {
  const TemporaryFolder folder;
  const std::vector<float> weights{1, 2, 3, 4, 5, 6};
  const std::span bytes(reinterpret_cast<const uint8_t*>(weights.data()), weights.size() * sizeof(float));
  const int64_t count = 1234567890123;
  const std::span count_bytes(reinterpret_cast<const uint8_t*>(&count), sizeof(count));
  write_torch_archive(folder / "m.pth", {{"a.weight", DataType::kF32, {3, 2}, bytes},
                                         {"b", DataType::kI64, {}, count_bytes},
                                         {"none", DataType::kF32, {0, 2}, {}}});
  const TorchArchive archive(folder / "m.pth");
  EXPECT_EQ(archive.tensors().size(), 3u);
  EXPECT_THAT(archive.entry("a.weight").shape, ElementsAre(3, 2));
  EXPECT_EQ(values<float>(archive, "a.weight"), weights);
  EXPECT_THAT(values<int64_t>(archive, "b"), ElementsAre(count));
  EXPECT_THAT(test::list_files(folder.path()), ElementsAre("m.pth"));
}

TEST(TorchArchive, AFileThatCannotBeWrittenWholeLeavesTheOldOne) {
  const TemporaryFolder folder;
  write_file(folder / "m.pth", std::string_view("old"));
  const Bytes weights(1 << 16);
  {
    const test::FileSizeLimit limit(1000);
    EXPECT_THROW(write_torch_archive(folder / "m.pth", {{"a", DataType::kU8, {1 << 16}, weights}}), RunError);
  }
  EXPECT_EQ(test::read_text(folder / "m.pth"), "old");
  EXPECT_THAT(test::list_files(folder.path()), ElementsAre("m.pth"));
  fs::create_symlink("m.pth", folder / "link.pth");
  write_torch_archive(folder / "link.pth", {{"a", DataType::kU8, {1 << 16}, weights}});
  EXPECT_TRUE(fs::is_symlink(folder / "link.pth"));
  EXPECT_EQ(TorchArchive(folder / "m.pth").read("a"), weights);
}

TEST(TorchArchive, IsWrittenUnderAnyName) {
  const TemporaryFolder folder;
  const Bytes weights(4, 1);
  for (const char* name : {"caf\xe9.pth", "caf\xc3\xa9.pth", "0"}) {
    write_torch_archive(folder / name, {{"a", DataType::kF32, {1}, weights}});
    EXPECT_EQ(TorchArchive(folder / name).read("a"), weights) << name;
  }
}

TEST(TorchArchive, WriterRefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  const Bytes four(4);
  EXPECT_THROW(write_torch_archive(folder / "m.pth", {{"a", DataType::kF32, {2}, four}}), UsageError);
  EXPECT_THROW(
      write_torch_archive(folder / "m.pth", {{"a", DataType::kF32, {1}, four}, {"a", DataType::kF32, {1}, four}}),
      UsageError);
  EXPECT_THROW(write_torch_archive(folder / "m.pth", {{"a", DataType::kU32, {1}, four}}), UsageError);
  EXPECT_THROW(write_torch_archive(folder / "no/such/m.pth", {}), RunError);
  EXPECT_THAT(test::list_files(folder.path()), IsEmpty());
}

}  // namespace
}  // namespace assemble
