// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"
#include "drawn_data.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void touch(const fs::path& path, std::string_view content = "x") {
  make_directories(path.parent_path());
  write_file(path, content);
}

void write_records(const fs::path& path, int count) {
  TfRecordWriter writer(path);
  for (int i = 0; i < count; ++i) writer.write(Bytes{1, 2, 3});
  writer.commit();
}

std::string refusal(const fs::path& folder, Split split) {
  return error_of<InputError>([&] { open_dataset(folder, split); });
}

TEST(OpenDataset, FindsTheSplitsOfAFolder) {
  for (const char* name : {"validation", "val", "test"}) {
    TemporaryFolder folder;
    touch(folder / "train/cat/1.jpg");
    touch(folder / "train/dog/1.jpg");
    touch(folder / name / "dog/1.jpg");
    EXPECT_EQ(open_dataset(folder.path(), Split::kTrain)->size(), 2);
    const auto validation = open_dataset(folder.path(), Split::kValidation);
    EXPECT_EQ(validation->where(), (folder / name).string());
    EXPECT_EQ(validation->label(0), 1) << "labels are those of training";
    EXPECT_EQ(validation->classes(), 2);
  }
}

TEST(OpenDataset, PrefersValidationToTest) {
  TemporaryFolder folder;
  touch(folder / "val/cat/1.jpg");
  touch(folder / "test/cat/1.jpg");
  EXPECT_EQ(open_dataset(folder.path(), Split::kValidation)->where(), (folder / "val").string());
}

TEST(OpenDataset, TakesAFolderOfClassesAsValidation) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg");
  EXPECT_EQ(open_dataset(folder.path(), Split::kValidation)->size(), 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("holds no training split (expected train/CLASS/IMAGE"));
}

TEST(OpenDataset, RefusesWhatItCannotUse) {
  TemporaryFolder folder;
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("is an empty folder"));
  EXPECT_THAT(refusal(folder / "missing", Split::kTrain), HasSubstr("no such folder"));
  touch(folder / "train/cat/1.jpg");
  EXPECT_THAT(refusal(folder.path(), Split::kValidation), HasSubstr("holds no validation split"));
  touch(folder / "val/cats/1.jpg");
  EXPECT_THAT(refusal(folder.path(), Split::kValidation),
              HasSubstr("val/cats: is none of the 1 classes expected; the nearest is 'cat'"));
}

TEST(OpenDataset, OpensRecords) {
  TemporaryFolder folder;
  write_records(folder / "train-00000-of-00002", 2);
  write_records(folder / "train-00001-of-00002", 3);
  write_records(folder / "validation-00000-of-00001", 1);
  touch(folder / "classes.txt",
        "\xEF\xBB\xBF"
        "cat\r\ndog \r\n\r\n");
  const auto train = open_dataset(folder.path(), Split::kTrain);
  EXPECT_EQ(train->size(), 5);
  EXPECT_THAT(train->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(open_dataset(folder.path(), Split::kValidation)->size(), 1);
}

TEST(OpenDataset, AnyClassesAreTakenForRetrieval) {
  TemporaryFolder folder;
  touch(folder / "train/cat/1.jpg");
  touch(folder / "validation/owl/1.jpg");
  touch(folder / "validation/yak/1.jpg");
  const auto unseen = open_dataset(folder.path(), Split::kValidation, ClassRule::kAny);
  EXPECT_THAT(unseen->class_names(), ElementsAre("owl", "yak"));
  EXPECT_EQ(unseen->label(1), 1);

  TemporaryFolder records;
  TfRecordWriter writer(records / "validation-00000-of-00001");
  for (const int64_t label : {-1, 150}) {
    writer.write(serialise_example({{"image/encoded", std::vector<std::string>{"x"}},
                                    {"image/class/label", std::vector<int64_t>{label}},
                                    {"image/logit", std::vector<float>{1, 2, 3}}}));
  }
  writer.commit();
  const auto unnamed = open_dataset(records.path(), Split::kValidation, ClassRule::kAny);
  EXPECT_EQ(unnamed->read(0).label, -1);
  EXPECT_EQ(unnamed->read(1).label, 150);
  touch(records / "classes.txt", "cat");
  const auto named = open_dataset(records.path(), Split::kValidation);
  EXPECT_THAT(error_of<InputError>([&] { named->read(1); }), HasSubstr("label 150, expected 0…0"));
}

TEST(OpenUnlabelled, TakesFoldersFilesAndRecords) {
  TemporaryFolder folder;
  touch(folder / "deep/er/1.jpg");
  touch(folder / "2.png");
  const auto images = open_unlabelled(folder.path());
  EXPECT_EQ(images->size(), 2);
  EXPECT_EQ(images->read(1).label, -1);
  EXPECT_EQ(open_unlabelled(folder / "2.png")->size(), 1);
  write_records(folder / "train-00000-of-00001", 3);
  EXPECT_EQ(open_unlabelled(folder.path())->size(), 3);
  EXPECT_THROW(open_unlabelled(folder / "missing"), InputError);
}

TEST(OpenUnlabelled, TakesArchives) {
  TemporaryFolder folder;
  test::write_zip(folder / "set.zip", {{"a/1.jpg", test::bytes_of("1")}, {"b/2.jpg", test::bytes_of("2")}});
  EXPECT_EQ(open_unlabelled(folder / "set.zip")->size(), 2);
  make_directories(folder / "tars");
  test::write_tar(folder / "tars/train-0.tar", {{"a/1.jpg", test::bytes_of("1")}});
  EXPECT_EQ(open_unlabelled(folder / "tars")->size(), 1);
  test::write_tar(folder / "tars/val-0.tar", {{"z/1.jpg", test::bytes_of("1")}, {"z/2.jpg", test::bytes_of("2")}});
  EXPECT_EQ(open_unlabelled(folder / "tars")->size(), 2) << "the validation split, where there is one";
  EXPECT_EQ(open_unlabelled(folder / "tars/val-0.tar")->size(), 2);
}

TEST(OpenDataset, TarsForRetrievalMayHoldOtherClasses) {
  TemporaryFolder folder;
  test::write_tar(folder / "train.tar", {{"a/1.jpg", test::bytes_of("1")}});
  test::write_tar(folder / "val.tar", {{"z/1.jpg", test::bytes_of("2")}});
  EXPECT_THAT(error_of<InputError>([&] { open_dataset(folder.path(), Split::kValidation); }),
              HasSubstr("z: is none of the 1 classes expected"));
  const auto other = open_dataset(folder.path(), Split::kValidation, ClassRule::kAny);
  EXPECT_EQ(other->class_names(), std::vector<std::string>{"z"});
  EXPECT_EQ(other->read(0).label, 0);
}

TEST(EvenlySpread, TakesSamplesFromAllOfAnother) {
  const auto whole = open_dataset(test::drawn_data(), Split::kTrain);
  const EvenlySpread some(*whole, 5);
  ASSERT_EQ(some.size(), 5);
  for (const auto& [index, place] : {std::pair{0, 0}, {1, 10}, {2, 20}, {3, 29}, {4, 39}}) {
    EXPECT_EQ(some.read(index).name, whole->read(place).name);
  }
  EXPECT_THROW(EvenlySpread(*whole, 0), UsageError);
  EXPECT_THROW(EvenlySpread(*whole, whole->size() + 1), UsageError);
}

TEST(DatasetRange, IsAPartOfAnother) {
  TemporaryFolder folder;
  for (const char* name : {"a", "b", "c"}) touch(folder / name / "1.jpg", name);
  const auto whole = open_dataset(folder.path(), Split::kValidation);
  const DatasetRange range(*whole, 1, 3);
  EXPECT_EQ(range.size(), 2);
  EXPECT_EQ(range.read(1).encoded, Bytes{'c'});
  EXPECT_EQ(range.label(0), 1);
  EXPECT_EQ(range.classes(), 3);
  EXPECT_THROW(DatasetRange(*whole, 2, 4), UsageError);
  EXPECT_THROW(DatasetRange(*whole, 2, 1), UsageError);
}

TEST(OpenDataset, RefusesIncompleteRecords) {
  TemporaryFolder folder;
  write_records(folder / "train-00000-of-00002", 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain),
              HasSubstr("train-00001-of-00002: missing: 1 of 2 files are there"));
  write_records(folder / "train-00001-of-00002", 1);
  touch(folder / "classes.txt", "cat\ncat\n");
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("names the class 'cat' twice"));
  touch(folder / "classes.txt", "cat\n\ndog\n");
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("classes.txt line 2: is empty between two names"));
  touch(folder / "classes.txt", "\n");
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("holds no class names"));
  touch(folder / "classes.txt", "cat\n");
  EXPECT_THAT(refusal(folder.path(), Split::kValidation), HasSubstr("holds no validation TFRecords"));
  write_records(folder / "train-00000-of-00003", 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("2 different sets"));
}

}  // namespace
}  // namespace assemble
