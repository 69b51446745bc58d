// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/tar_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::bytes_of;
using test::error_of;
using test::TemporaryFolder;
using test::write_tar;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TarDataset, ReadsWebDatasetShards) {
  TemporaryFolder folder;
  write_tar(folder / "train-000000.tar",
            {{"a/001.jpg", bytes_of("one")}, {"a/001.cls", bytes_of("2\n")}, {"a/001.json", bytes_of("{}")}});
  write_tar(folder / "train-000001.tar", {{"002.cls", bytes_of("0")},
                                          {"002.seg.png", bytes_of("two")},
                                          {std::string(150, 'x') + ".webp", Bytes(70000, 7)},
                                          {std::string(150, 'x') + ".cls", bytes_of("1")}});
  const TarDataset data({folder / "train-000000.tar", folder / "train-000001.tar"}, {});
  ASSERT_EQ(data.size(), 3);
  EXPECT_THAT(data.class_names(), ElementsAre("0", "1", "2"));
  EXPECT_EQ(data.read(0).encoded, bytes_of("one"));
  EXPECT_EQ(data.read(0).label, 2);
  EXPECT_THAT(data.read(0).name, HasSubstr("train-000000.tar at offset"));
  EXPECT_EQ(data.read(1).encoded, bytes_of("two"));
  EXPECT_EQ(data.label(1), 0);
  EXPECT_EQ(data.read(2).encoded, Bytes(70000, 7)) << "a long name takes a header of its own";
  EXPECT_TRUE(data.defects().empty());
}

TEST(TarDataset, ReadsClassFoldersAndGzip) {
  TemporaryFolder folder;
  for (const bool gzipped : {false, true}) {
    const fs::path path = folder / (gzipped ? "train.tar.gz" : "train.tar");
    write_tar(path, {{"top/dog/1.jpg", bytes_of("dog")}, {"top/cat/1.jpg", bytes_of("cat")}}, gzipped);
    const TarDataset data({path}, {});
    EXPECT_THAT(data.class_names(), ElementsAre("cat", "dog"));
    EXPECT_EQ(data.read(0).label, 1);
    EXPECT_EQ(data.read(1).encoded, bytes_of("cat"));
  }
}

TEST(TarDataset, OpenDatasetFindsTheSplits) {
  TemporaryFolder folder;
  write_tar(folder / "set-train-0.tar", {{"1.jpg", bytes_of("a")}, {"1.cls", bytes_of("4")}});
  write_tar(folder / "set-val-0.tar", {{"1.jpg", bytes_of("b")}, {"1.cls", bytes_of("0")}});
  EXPECT_EQ(open_dataset(folder.path(), Split::kTrain)->read(0).encoded, bytes_of("a"));
  const auto validation = open_dataset(folder.path(), Split::kValidation);
  EXPECT_EQ(validation->read(0).encoded, bytes_of("b"));
  EXPECT_EQ(validation->classes(), 5) << "classes are those of training";
  EXPECT_EQ(open_dataset(folder / "set-val-0.tar", Split::kValidation)->size(), 1);
}

TEST(TarDataset, KeepsWhatIsWholeOfDamagedShards) {
  TemporaryFolder folder;
  const fs::path path = folder / "train.tar";
  write_tar(path, {{"1.jpg", bytes_of("a")},
                   {"1.cls", bytes_of("0")},
                   {"2.jpg", bytes_of("no label")},
                   {"3.cls", bytes_of("1")},
                   {"4.jpg", bytes_of("b")},
                   {"4.cls", bytes_of("dog")},
                   {"5.jpg", bytes_of("c")},
                   {"5.cls", bytes_of("7")},
                   {"6.jpg", Bytes(5000, 1)},
                   {"6.cls", bytes_of("1")}});
  const TarDataset data({path}, {"cat", "dog"});
  EXPECT_EQ(data.size(), 3);
  EXPECT_THAT(data.defects(), testing::UnorderedElementsAre(HasSubstr("'2.jpg' has no label"),
                                                            HasSubstr("'3' has a label but no image"),
                                                            HasSubstr("'4.cls' is no decimal label")));
  EXPECT_THAT(error_of<InputError>([&] { data.read(1); }), HasSubstr("label 7, expected 0…1"));
  Bytes cut = read_file(path);
  cut.resize(cut.size() - 12000);
  write_file(path, cut);
  const TarDataset truncated({path}, {"cat", "dog"});
  EXPECT_LT(truncated.size(), 3);
  EXPECT_GT(truncated.defects().size(), 3u);
  write_file(path, std::string_view("this is no archive at all, only a line of text that goes on for a while"));
  EXPECT_THROW(TarDataset({path}, {}), InputError);
  EXPECT_THROW(TarDataset({folder / "missing.tar"}, {}), InputError);
}

TEST(TarDataset, SurvivesAnyTruncationAndFlippedBytes) {
  TemporaryFolder folder;
  const fs::path path = folder / "train.tar";
  write_tar(path,
            {{"1.jpg", bytes_of("a")}, {"1.cls", bytes_of("0")}, {"2.jpg", bytes_of("b")}, {"2.cls", bytes_of("1")}});
  const Bytes whole = read_file(path);
  const auto try_reading = [&](const Bytes& bytes) {
    test::put(path, bytes);
    try {
      const TarDataset data({path}, {});
      for (int64_t i = 0; i < data.size(); ++i) data.read(i);
    } catch (const InputError&) {
    }
  };
  for (size_t size = 0; size < whole.size(); size += 97) {
    try_reading({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
  }
  for (size_t i = 0; i < std::min<size_t>(whole.size(), 2600); i += 7) {
    Bytes flipped = whole;
    flipped[i] ^= static_cast<uint8_t>(1 + i % 255);
    try_reading(flipped);
  }
}

std::vector<std::string> images_of(const Dataset& data) {
  std::vector<std::string> images;
  for (int64_t i = 0; i < data.size(); ++i) {
    const Sample sample = data.read(i);
    images.push_back(concat(std::string(sample.encoded.begin(), sample.encoded.end()), " ", sample.label));
  }
  return images;
}

TEST(TarDataset, TakesNoDebris) {
  TemporaryFolder folder;
  write_tar(folder / "web.tar", {{"./._1.jpg", bytes_of("x")},
                                 {"./1.jpg", bytes_of("a")},
                                 {"./._1.cls", bytes_of("x")},
                                 {"./1.cls", bytes_of("0")},
                                 {"__MACOSX/._1.jpg", bytes_of("x")}});
  const TarDataset web({folder / "web.tar"}, {});
  EXPECT_THAT(images_of(web), ElementsAre("a 0"));
  EXPECT_TRUE(web.defects().empty());
  write_tar(folder / "folders.tar", {{"./cat/._1.jpg", bytes_of("x")},
                                     {"./cat/1.jpg", bytes_of("a")},
                                     {"./dog/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", bytes_of("x")},
                                     {"./dog/1.jpg", bytes_of("b")}});
  EXPECT_THAT(images_of(TarDataset({folder / "folders.tar"}, {})), ElementsAre("a 0", "b 1"));
}

TEST(TarDataset, KeepsEverySampleOfKeysWithDots) {
  TemporaryFolder folder;
  write_tar(folder / "web.tar", {{"img.0001.jpg", bytes_of("a")},
                                 {"img.0001.cls", bytes_of("0")},
                                 {"img.0002.JPG", bytes_of("b")},
                                 {"img.0002.CLS", bytes_of("1\r\n")},
                                 {"n01440764_1.v2.jpg", bytes_of("c")},
                                 {"n01440764_1.v2.cls", bytes_of("\xEF\xBB\xBF"
                                                                 "2")},
                                 {"img.0003.jpg", bytes_of("no label")}});
  const TarDataset data({folder / "web.tar"}, {});
  EXPECT_THAT(images_of(data), ElementsAre("a 0", "b 1", "c 2"));
  EXPECT_THAT(data.defects(), ElementsAre(HasSubstr("'img.0003.jpg' has no label")));
}

TEST(TarDataset, KeepsEqualStemsOfClassFolders) {
  TemporaryFolder folder;
  write_tar(folder / "folders.tar", {{"a/1.jpg", bytes_of("a")},
                                     {"a/1.png", bytes_of("b")},
                                     {"a/x.1.jpg", bytes_of("c")},
                                     {"a/x.2.jpg", bytes_of("d")},
                                     {"b/1.jpg", bytes_of("e")}});
  EXPECT_THAT(images_of(TarDataset({folder / "folders.tar"}, {})), ElementsAre("a 0", "b 0", "c 0", "d 0", "e 1"));
}

TEST(TarDataset, TakesTheImageAndNotWhatBelongsToIt) {
  TemporaryFolder folder;
  write_tar(folder / "web.tar", {{"1.cls", bytes_of("0")},
                                 {"1.jpg", bytes_of("photo")},
                                 {"1.json", bytes_of("{}")},
                                 {"1.seg.png", bytes_of("mask")}});
  ::testing::internal::CaptureStderr();
  const TarDataset data({folder / "web.tar"}, {});
  EXPECT_THAT(images_of(data), ElementsAre("photo 0"));
  EXPECT_THAT(data.passed_over(), ElementsAre(testing::Pair("second images of samples", 1)));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("1 file is passed over: 1 second images of samples"));
}

TEST(TarDataset, FindsLabelsAnywhereAndKeepsRepeatedNames) {
  TemporaryFolder folder;
  write_tar(folder / "web.tar", {{"1.jpg", bytes_of("a")},
                                 {"2.jpg", bytes_of("b")},
                                 {"1.cls", bytes_of("0")},
                                 {"2.cls", bytes_of("1")},
                                 {"1.jpg", bytes_of("c")},
                                 {"1.cls", bytes_of("2")}});
  EXPECT_THAT(images_of(TarDataset({folder / "web.tar"}, {})), ElementsAre("a 0", "b 1", "c 2"));
}

TEST(TarDataset, PassesOverWhatIsNoImageAndSaysSo) {
  TemporaryFolder folder;
  write_tar(folder / "folders.tar", {{"a/1.jpg", bytes_of("a")},
                                     {"a/1.psd", bytes_of("x")},
                                     {"a/2.PSD", bytes_of("x")},
                                     {"stray.jpg", bytes_of("x")}});
  const TarDataset data({folder / "folders.tar"}, {});
  EXPECT_EQ(data.size(), 1);
  EXPECT_THAT(data.passed_over(), ElementsAre(testing::Pair(".psd", 2), testing::Pair("in no class folder", 1)));
  write_tar(folder / "labels.tar", {{"1.jpg", bytes_of("a")}, {"1.json", bytes_of("{\"label\": 1}")}});
  EXPECT_THAT(error_of<InputError>([&] { TarDataset({folder / "labels.tar"}, {}); }),
              HasSubstr("no sample that can be used"));
}

TEST(TarDataset, NamesClassesInUtf8) {
  TemporaryFolder folder;
  write_tar(folder / "train.tar", {{"caf\xE9/1.jpg", bytes_of("a")}, {"tea/1.jpg", bytes_of("b")}});
  write_tar(folder / "val.tar", {{"tea/1.jpg", bytes_of("c")}, {"cafe\xCC\x81/1.jpg", bytes_of("d")}});
  EXPECT_THAT(open_dataset(folder.path(), Split::kTrain)->class_names(), ElementsAre("café", "tea"));
  EXPECT_THAT(images_of(*open_dataset(folder.path(), Split::kValidation)), ElementsAre("c 1", "d 0"));
}

/// As write_tar, with the second name a hard link to the first.
void write_linked_tar(const fs::path& path, const std::string& first, const std::string& second) {
  archive* tar = archive_write_new();
  archive_write_set_format_gnutar(tar);
  archive_write_open_filename(tar, path.c_str());
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, first.c_str());
  archive_entry_set_size(entry, 1);
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(tar, entry);
  archive_write_data(tar, "a", 1);
  archive_entry_clear(entry);
  archive_entry_set_pathname(entry, second.c_str());
  archive_entry_set_hardlink(entry, first.c_str());
  archive_write_header(tar, entry);
  archive_entry_free(entry);
  archive_write_free(tar);
}

TEST(TarDataset, ReadsHardLinks) {
  TemporaryFolder folder;
  write_linked_tar(folder / "folders.tar", "a/1.jpg", "b/1.jpg");
  EXPECT_THAT(images_of(TarDataset({folder / "folders.tar"}, {})), ElementsAre("a 0", "a 1"));
}

}  // namespace
}  // namespace assemble
