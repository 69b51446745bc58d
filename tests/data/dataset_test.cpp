// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"
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
  touch(folder / "classes.txt", "cat\r\ndog\n");
  const auto train = open_dataset(folder.path(), Split::kTrain);
  EXPECT_EQ(train->size(), 5);
  EXPECT_THAT(train->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(open_dataset(folder.path(), Split::kValidation)->size(), 1);
}

TEST(OpenDataset, RefusesIncompleteRecords) {
  TemporaryFolder folder;
  write_records(folder / "train-00000-of-00002", 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain),
              HasSubstr("train-00001-of-00002: missing: 1 of 2 files are there"));
  write_records(folder / "train-00001-of-00002", 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("classes.txt: missing"));
  touch(folder / "classes.txt", "cat\ncat\n");
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("names the class 'cat' twice"));
  touch(folder / "classes.txt", "\n");
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("holds no class names"));
  touch(folder / "classes.txt", "cat\n");
  EXPECT_THAT(refusal(folder.path(), Split::kValidation), HasSubstr("holds no validation TFRecords"));
  write_records(folder / "train-00000-of-00003", 1);
  EXPECT_THAT(refusal(folder.path(), Split::kTrain), HasSubstr("2 different sets"));
}

}  // namespace
}  // namespace assemble
