// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/zip_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/core/thread_pool.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::bytes_of;
using test::error_of;
using test::TemporaryFolder;
using test::write_zip;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ZipDataset, FindsSplitsAndClasses) {
  TemporaryFolder folder;
  const fs::path path = folder / "set.zip";
  write_zip(path, {{"set/train/dog/1.jpg", bytes_of("dog 1")},
                   {"set/train/cat/1.JPG", bytes_of("cat 1")},
                   {"set/val/dog/9.png", Bytes(600000, 3)},
                   {"set/readme.txt", bytes_of("text")},
                   {"__MACOSX/set/train/cat/1.jpg", bytes_of("x")}});
  const auto train = open_dataset(path, Split::kTrain);
  ASSERT_EQ(train->size(), 2);
  EXPECT_THAT(train->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(train->read(0).encoded, bytes_of("cat 1"));
  EXPECT_EQ(train->read(1).label, 1);
  EXPECT_THAT(train->read(1).name, HasSubstr("set.zip: set/train/dog/1.jpg"));
  const auto validation = open_dataset(path, Split::kValidation);
  ASSERT_EQ(validation->size(), 1);
  EXPECT_EQ(validation->read(0).label, 1) << "labels are those of training";
  EXPECT_EQ(validation->read(0).encoded, Bytes(600000, 3));
}

TEST(ZipDataset, TakesClassFoldersWholeAsValidation) {
  TemporaryFolder folder;
  write_zip(folder / "set.zip", {{"b/1.jpg", bytes_of("b")}, {"a/1.jpg", bytes_of("a")}});
  const auto data = open_dataset(folder / "set.zip", Split::kValidation);
  EXPECT_THAT(data->class_names(), ElementsAre("a", "b"));
  EXPECT_THAT(error_of<InputError>([&] { open_dataset(folder / "set.zip", Split::kTrain); }),
              HasSubstr("holds no training split"));
}

TEST(ZipDataset, IsReadByManyThreads) {
  TemporaryFolder folder;
  test::Files files;
  for (int i = 0; i < 64; ++i)
    files.push_back({concat("train/a/", 100 + i, ".jpg"), Bytes(3000, static_cast<uint8_t>(i))});
  write_zip(folder / "set.zip", files);
  const auto data = open_dataset(folder / "set.zip", Split::kTrain);
  std::atomic<int> right = 0;
  ThreadPool(8).parallel_for(
      640, [&](int64_t i) { right += data->read(i % 64).encoded == Bytes(3000, static_cast<uint8_t>(i % 64)); });
  EXPECT_EQ(right, 640);
}

TEST(ZipDataset, SaysWhatIsWrongWithDamagedFiles) {
  TemporaryFolder folder;
  const fs::path path = folder / "set.zip";
  Bytes noise(5000);
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  write_zip(path, {{"train/a/1.jpg", noise}});
  const Bytes whole = read_file(path);
  Bytes damaged = whole;
  damaged[whole.size() / 2] ^= 0xFF;
  write_file(path, damaged);
  const auto data = open_dataset(path, Split::kTrain);
  EXPECT_THAT(error_of<InputError>([&] { data->read(0); }), HasSubstr("train/a/1.jpg: damaged"));
  for (size_t size = 0; size < whole.size(); size += 37) {
    test::put(path, std::span(whole).first(size));
    EXPECT_THROW(open_dataset(path, Split::kTrain), InputError);
  }
  for (size_t i = whole.size() - 120; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] ^= 0x41;
    test::put(path, flipped);
    try {
      const auto any = open_dataset(path, Split::kTrain);
      for (int64_t k = 0; k < any->size(); ++k) any->read(k);
    } catch (const InputError&) {
    }
  }
}

TEST(ZipDataset, TakesNoDebrisAndSaysWhatItPassesOver) {
  TemporaryFolder folder;
  write_zip(folder / "set.zip", {{"train/a/1.jfif", bytes_of("a")},
                                 {"train/a/1.psd", bytes_of("x")},
                                 {"train/a/Thumbs.db", bytes_of("x")},
                                 {"train/a/._1.jpg", bytes_of("x")},
                                 {"train/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", bytes_of("x")},
                                 {"train/stray.jpg", bytes_of("x")},
                                 {"val/a/1.svg", bytes_of("x")},
                                 {"val/a/1.jpg", bytes_of("b")}});
  ::testing::internal::CaptureStderr();
  const auto train = open_dataset(folder / "set.zip", Split::kTrain);
  EXPECT_EQ(train->size(), 1);
  EXPECT_EQ(train->part(), "train");
  EXPECT_THAT(train->passed_over(), ElementsAre(testing::Pair(".psd", 1), testing::Pair("in no class folder", 1)));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("2 files are passed over: 1 .psd, 1 in no class"));
}

TEST(ZipDataset, KnowsWindowsSeparators) {
  TemporaryFolder folder;
  write_zip(folder / "set.zip", {{"train\\dog\\1.jpg", bytes_of("dog")}, {"train\\cat\\1.jpg", bytes_of("cat")}});
  const auto data = open_dataset(folder / "set.zip", Split::kTrain);
  EXPECT_THAT(data->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(data->read(0).encoded, bytes_of("cat"));
}

TEST(ZipDataset, NamesWhatCannotBeRead) {
  TemporaryFolder folder;
  const fs::path path = folder / "set.zip";
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  const Bytes bytes(100, 1);
  const auto index = static_cast<zip_uint64_t>(
      zip_file_add(zip, "train/a/1.jpg", zip_source_buffer(zip, bytes.data(), bytes.size(), 0), 0));
  ASSERT_EQ(zip_file_set_encryption(zip, index, ZIP_EM_AES_256, "secret"), 0);
  ASSERT_EQ(zip_close(zip), 0);
  const auto refusal = [&] { return error_of<InputError>([&] { open_dataset(path, Split::kTrain); }); };
  EXPECT_THAT(refusal(), HasSubstr("set.zip: train/a/1.jpg: is encrypted (unpack the zip file"));

  write_zip(path, {{"train/a/1.jpg", bytes}});
  Bytes whole = read_file(path);
  const std::string_view text(reinterpret_cast<const char*>(whole.data()), whole.size());
  whole[text.find("PK\x03\x04") + 8] = whole[text.find("PK\x01\x02") + 10] = 97;
  write_file(path, whole);
  EXPECT_THAT(refusal(), HasSubstr("train/a/1.jpg: is compressed by method 97, which cannot be read"));
}

TEST(ZipDataset, ReadsNamesInCodePage437) {
  TemporaryFolder folder;
  const fs::path path = folder / "set.zip";
  write_zip(path, {{"train/cafX/1.jpg", bytes_of("a")}, {"train/tea/1.jpg", bytes_of("b")}});
  Bytes bytes = read_file(path);
  for (size_t i = 0; i + 3 < bytes.size(); ++i) {
    if (std::string_view(reinterpret_cast<const char*>(&bytes[i]), 4) == "cafX") bytes[i + 3] = 0x82;
  }
  write_file(path, bytes);
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(open_dataset(path, Split::kTrain)->class_names(), ElementsAre("café", "tea"));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("are read in code page 437"));
}

}  // namespace
}  // namespace assemble
