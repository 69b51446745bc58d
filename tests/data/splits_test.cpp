// SPDX-License-Identifier: Apache-2.0
// Which part of a data set is taken for which split: the same for folders, zip and tar files, shards and records.
#include "../../src/data/sources/splits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archives.h"
#include "assemble/core/error.h"
#include "assemble/io/tfrecord.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::bytes_of;
using test::error_of;
using test::Files;
using test::TemporaryFolder;
using ::testing::HasSubstr;

void touch(const fs::path& path) {
  make_directories(path.parent_path());
  test::write_bytes(path, Bytes{1});
}

/// The same files as a folder, a zip file, a tar file and a gzipped one.
class AnyForm : public testing::Test {
 protected:
  std::vector<fs::path> make(const std::vector<std::string>& files) {
    Files members;
    for (const std::string& file : files) {
      touch(folder_ / ("folder/" + file));
      members.emplace_back("top/" + file, bytes_of(file));
    }
    test::write_zip(folder_ / "set.zip", members);
    test::write_tar(folder_ / "set.tar", members);
    test::write_tar(folder_ / "set.tar.gz", members, /*gzipped=*/true);
    return {folder_ / "folder", folder_ / "set.zip", folder_ / "set.tar", folder_ / "set.tar.gz"};
  }

  /// Opens both splits and gives what was logged.
  std::string expect_sizes(const fs::path& path, int64_t train, int64_t validation) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(open_dataset(path, Split::kTrain)->size(), train) << path;
    EXPECT_EQ(open_dataset(path, Split::kValidation)->size(), validation) << path;
    return ::testing::internal::GetCapturedStderr();
  }

  TemporaryFolder folder_;
};

std::string refusal(const fs::path& path, Split split) {
  return error_of<InputError>([&] { open_dataset(path, split); });
}

TEST(SplitCalled, KnowsWholeNamesInAnyCase) {
  EXPECT_EQ(split_called("Training"), SplitName::kTrain);
  EXPECT_EQ(split_called("VAL"), SplitName::kValidation);
  EXPECT_EQ(split_called("valid"), SplitName::kValidation);
  EXPECT_EQ(split_called("testing"), SplitName::kTest);
  for (const char* name : {"trainers", "interval", "latest", "contest", "val1", "trainval", ""}) {
    EXPECT_FALSE(split_called(name)) << name;
  }
}

TEST(SplitInFileName, KnowsWholeParts) {
  for (const char* file : {"train.tar", "set-train-00001.tar", "ILSVRC2012_img_train.tar", "Train2017.tar.gz"}) {
    ASSERT_TRUE(split_in_file_name(file)) << file;
    EXPECT_EQ(split_in_file_name(file)->split, SplitName::kTrain) << file;
  }
  EXPECT_EQ(split_in_file_name("imagenet-valid.003.tar")->name, "valid");
  for (const char* file :
       {"latest-backup-000000.tar", "interval.tar", "trainers-1.tar", "contest.tar", "train_val.tar", "photos.tar"}) {
    EXPECT_FALSE(split_in_file_name(file)) << file;
  }
}

TEST_F(AnyForm, PrefersValidImagesToTestImages) {
  for (const fs::path& path : make({"train/a/1.jpg", "train/b/1.jpg", "valid/a/1.jpg", "valid/b/1.jpg", "valid/b/2.jpg",
                                    "test/a/1.jpg", "test/b/2.jpg"})) {
    EXPECT_THAT(expect_sizes(path, 2, 3), HasSubstr("'valid' is taken for validation, the test images are not"));
  }
}

TEST_F(AnyForm, SaysThatTestImagesAreTaken) {
  for (const fs::path& path : make({"Training/a/1.jpg", "Training/b/1.jpg", "TEST/a/1.jpg"})) {
    EXPECT_THAT(expect_sizes(path, 2, 1), HasSubstr("warning: " + path.string() +
                                                    ": holds no validation images; 'TEST' is taken for validation"));
  }
}

TEST_F(AnyForm, RefusesTwoNamesOfOneSplit) {
  for (const fs::path& path : make({"train/a/1.jpg", "val/a/1.jpg", "validation/a/2.jpg"})) {
    EXPECT_THAT(refusal(path, Split::kValidation), HasSubstr("holds 'val' and 'validation', which stand for the same"));
  }
}

TEST_F(AnyForm, ClassesMayBeNamedLikeSplits) {
  for (const fs::path& path : make({"train/train/1.jpg", "train/bus/1.jpg", "val/train/deep/1.jpg", "val/bus/1.jpg"})) {
    expect_sizes(path, 2, 2);
    EXPECT_THAT(open_dataset(path, Split::kValidation)->class_names(), testing::ElementsAre("bus", "train"));
    const auto train = open_dataset(path, Split::kTrain);
    EXPECT_EQ(train->label(0) + train->label(1), 1) << "one of each class";
  }
}

TEST_F(AnyForm, AClassNamedLikeASplitIsNoSplit) {
  for (const fs::path& path : make({"train/car1.jpg", "bus/1.jpg", "bus/2.jpg"})) {
    const auto whole = open_dataset(path, Split::kValidation);
    EXPECT_EQ(whole->size(), 3) << path;
    EXPECT_THAT(whole->class_names(), testing::ElementsAre("bus", "train"));
    EXPECT_THAT(refusal(path, Split::kTrain), HasSubstr("holds no training split"));
  }
}

TEST_F(AnyForm, RefusesFoldersThatCanBeReadInTwoWays) {
  for (const fs::path& path : make({"test/train/cat/1.jpg", "test/val/cat/1.jpg"})) {
    EXPECT_THAT(refusal(path, Split::kTrain), HasSubstr("'test' can be read as a split with the class 'train' and as a "
                                                        "folder around the split 'train'"));
  }
}

TEST_F(AnyForm, SaysThatAFolderIsTakenAsASplitAndNotAsAClass) {
  for (const fs::path& path : make({"train/steam/1.jpg", "train/diesel/2.jpg", "bus/1.jpg"})) {
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(open_dataset(path, Split::kTrain)->size(), 2);
    EXPECT_THAT(::testing::internal::GetCapturedStderr(),
                HasSubstr("'train' is taken as a split, not as a class; 'bus' beside it is passed over"));
    EXPECT_THAT(refusal(path, Split::kValidation), HasSubstr("holds no validation split"));
  }
}

TEST_F(AnyForm, SplitsMayLieDeep) {
  for (const fs::path& path : make({"a/b/train/x/1.jpg", "a/b/train/y/1.jpg", "a/b/val/x/1.jpg"}))
    expect_sizes(path, 2, 1);
}

TEST_F(AnyForm, ValidationAloneIsNoTrainingSplit) {
  for (const fs::path& path : make({"val/a/1.jpg", "val/b/1.jpg"})) {
    EXPECT_EQ(open_dataset(path, Split::kValidation)->classes(), 2);
    EXPECT_THAT(refusal(path, Split::kTrain), HasSubstr("holds no training split"));
  }
}

TEST_F(AnyForm, ClassesAloneAreNotTrainedOnAndValidatedWith) {
  for (const fs::path& path : make({"a/1.jpg", "b/1.jpg"})) {
    EXPECT_EQ(open_dataset(path, Split::kValidation)->size(), 2);
    EXPECT_THAT(refusal(path, Split::kTrain), HasSubstr("holds no training split"));
  }
}

TEST_F(AnyForm, RetrievalTakesOtherClasses) {
  for (const fs::path& path : make({"train/a/1.jpg", "val/z/1.jpg"})) {
    EXPECT_THAT(refusal(path, Split::kValidation), HasSubstr("z: is none of the 1 classes expected"));
    EXPECT_THAT(open_dataset(path, Split::kValidation, ClassRule::kAny)->class_names(), testing::ElementsAre("z"));
  }
}

TEST_F(AnyForm, UnlabelledImagesNeedNoClasses) {
  for (const fs::path& path : make({"1.jpg", "2.jpg"})) {
    const auto images = open_unlabelled(path);
    ASSERT_EQ(images->size(), 2) << path;
    EXPECT_NO_THROW(images->read(1));
  }
}

void write_shard(const fs::path& path, const std::vector<std::string>& keys) {
  Files files;
  for (const std::string& key : keys) {
    files.emplace_back(key + ".jpg", bytes_of(key));
    files.emplace_back(key + ".cls", bytes_of("1"));
  }
  test::write_tar(path, files);
}

TEST_F(AnyForm, ShardsAreToldByWholeParts) {
  write_shard(folder_ / "train-0.tar", {"1", "2", "3"});
  write_shard(folder_ / "train-1.tar", {"1", "2", "3"});
  write_shard(folder_ / "val-0.tar", {"1", "2"});
  write_shard(folder_ / "test-0.tar", {"1"});
  write_shard(folder_ / "latest-backup-0.tar", {"1", "2", "3", "4"});
  const std::string log = expect_sizes(folder_.path(), 6, 2);
  EXPECT_THAT(log, HasSubstr("'latest-backup-0.tar': no split is told by the name; passed over"));
  EXPECT_THAT(log, HasSubstr("'val' is taken for validation, the test images are not"));
  write_shard(folder_ / "valid-0.tar", {"1"});
  EXPECT_THAT(refusal(folder_.path(), Split::kValidation), HasSubstr("holds 'val' and 'valid'"));
}

TEST_F(AnyForm, ShardsOfNoSplitAreOneArchive) {
  write_shard(folder_ / "photos-0.tar", {"train/1", "train/2", "val/1"});
  write_shard(folder_ / "photos-1.tar", {"train/3", "val/2"});
  expect_sizes(folder_.path(), 3, 2);
  EXPECT_EQ(open_dataset(folder_.path(), Split::kValidation)->part(), "val");
}

TEST_F(AnyForm, AFileOfOneSplitIsNotTakenForTheOther) {
  write_shard(folder_ / "set-val.tar", {"1", "2"});
  write_shard(folder_ / "set-train.tar", {"1"});
  write_shard(folder_ / "all.tar", {"1"});
  EXPECT_EQ(open_dataset(folder_ / "set-val.tar", Split::kValidation)->size(), 2);
  EXPECT_EQ(open_dataset(folder_ / "set-train.tar", Split::kTrain)->size(), 1);
  EXPECT_THAT(refusal(folder_ / "set-val.tar", Split::kTrain), HasSubstr("holds no training split"));
  EXPECT_THAT(refusal(folder_ / "set-train.tar", Split::kValidation), HasSubstr("is of another split than validation"));
  EXPECT_THAT(refusal(folder_ / "all.tar", Split::kTrain), HasSubstr("would be trained on and validated with"));
  EXPECT_EQ(open_unlabelled(folder_ / "set-train.tar")->size(), 1);
}

TEST_F(AnyForm, FoldersAreTakenBeforeTheArchivesTheyCameFrom) {
  touch(folder_ / "train/a/1.jpg");
  touch(folder_ / "val/a/1.jpg");
  write_shard(folder_ / "train.tar", {"1", "2"});
  write_shard(folder_ / "val.tar", {"1", "2"});
  EXPECT_THAT(expect_sizes(folder_.path(), 1, 1),
              HasSubstr("holds folders of splits and tar files: the folders of splits are"));
}

TEST_F(AnyForm, ATarFileBesideClassFoldersIsNotTheDataSet) {
  touch(folder_ / "a/1.jpg");
  touch(folder_ / "b/1.jpg");
  write_shard(folder_ / "backup.tar", {"1", "2", "3"});
  EXPECT_EQ(open_dataset(folder_.path(), Split::kValidation)->size(), 2);
  EXPECT_EQ(open_unlabelled(folder_.path())->size(), 2);
}

TEST_F(AnyForm, RecordsAreToldLikewise) {
  for (const auto& [name, count] : {std::pair("train", 3), {"val", 2}, {"test", 1}, {"interval", 4}}) {
    TfRecordWriter writer(folder_ / concat(name, "-00000-of-00001"));
    for (int i = 0; i < count; ++i) writer.write(Bytes{1});
    writer.commit();
  }
  write_file(folder_ / "classes.txt", std::string_view("a\n"));
  EXPECT_THAT(expect_sizes(folder_.path(), 3, 2), HasSubstr("'val' is taken for validation"));
  fs::copy(folder_ / "val-00000-of-00001", folder_ / "validation-00000-of-00001");
  EXPECT_THAT(refusal(folder_.path(), Split::kValidation), HasSubstr("holds 'val' and 'validation'"));
}

TEST_F(AnyForm, ValidationByALinkToTheTrainingFolderIsSaid) {
  touch(folder_ / "train/a/1.jpg");
  fs::create_directory_symlink("train", folder_ / "val");
  EXPECT_THAT(expect_sizes(folder_.path(), 1, 1), HasSubstr("val: is the training folder itself"));
}

TEST_F(AnyForm, FilesOfOtherFormatsAreNamed) {
  write_file(folder_ / "set.tar.xz", std::string_view("\xFD"
                                                      "7zXZ\0 and so on",
                                                      16));
  EXPECT_THAT(refusal(folder_ / "set.tar.xz", Split::kTrain), HasSubstr("unpack it first: xz -d"));
  write_file(folder_ / "notes.txt", std::string_view("text"));
  EXPECT_THAT(refusal(folder_ / "notes.txt", Split::kTrain), HasSubstr("notes.txt: is no data set"));
}

}  // namespace
}  // namespace assemble
