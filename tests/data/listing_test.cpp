// SPDX-License-Identifier: Apache-2.0
// What of a folder is taken for data: debris, links, names in any encoding.
#include "../../src/data/sources/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "../image/sample_images.h"
#include "assemble/core/error.h"
#include "assemble/data/corrupt_set.h"
#include "assemble/data/image_folder.h"
#include "assemble/image/encode.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

void touch(const fs::path& path, std::string_view content = "x") {
  make_directories(path.parent_path());
  test::write_bytes(path, {reinterpret_cast<const uint8_t*>(content.data()), content.size()});
}

std::string log_of(const std::function<void()>& call) {
  ::testing::internal::CaptureStderr();
  call();
  return ::testing::internal::GetCapturedStderr();
}

std::vector<std::string> files_of(const ImageFolder& folder) {
  std::vector<std::string> files;
  for (int64_t i = 0; i < folder.size(); ++i) files.push_back(folder.file(i).string());
  return files;
}

TEST(Debris, IsWhatSystemsLeave) {
  for (const char* name : {"._1.jpg", ".DS_Store", "__MACOSX", "@eaDir", ".@__thumb", "@Recycle", "#recycle",
                           "$RECYCLE.BIN", "System Volume Information", "lost+found", ".ipynb_checkpoints", "Thumbs.db",
                           "desktop.ini", "Desktop.ini", "Icon\r"}) {
    EXPECT_TRUE(is_debris(name)) << name;
  }
  for (const char* name : {"cat", "1.jpg", "_1.jpg", "@home", "#1.jpg", "thumbs", ".", "..", "recycling"}) {
    EXPECT_FALSE(is_debris(name)) << name;
  }
  EXPECT_TRUE(holds_debris("./a/@eaDir/1.jpg"));
  EXPECT_FALSE(holds_debris("./a/../1.jpg"));
}

TEST(ImageFolder, TakesNoDebris) {
  TemporaryFolder folder;
  for (const char* file : {"cat/1.jpg", "dog/1.jpg", "__MACOSX/cat/._1.jpg", "cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
                           "cat/Thumbs.db", "$RECYCLE.BIN/1.jpg", "dog/.ipynb_checkpoints/1-checkpoint.jpg"}) {
    touch(folder / file);
  }
  const std::string log = log_of([&] {
    const ImageFolder data(folder.path());
    EXPECT_THAT(data.class_names(), ElementsAre("cat", "dog"));
    EXPECT_THAT(files_of(data), ElementsAre("cat/1.jpg", "dog/1.jpg"));
    EXPECT_TRUE(data.passed_over().empty());
  });
  EXPECT_THAT(log, ::testing::Not(HasSubstr("passed over")));
}

TEST(ImageFolder, SaysWhatItPassesOver) {
  TemporaryFolder folder;
  for (const char* file : {"cat/1.jfif", "cat/2.JPE", "cat/3.psd", "cat/4.PSD", "cat/5.xcf", "cat/LICENSE", "stray.jpg",
                           "dog/1.jpg", "dog/2.jpg"}) {
    touch(folder / file);
  }
  const std::string log = log_of([&] {
    const ImageFolder data(folder.path());
    EXPECT_THAT(files_of(data), ElementsAre("cat/1.jfif", "cat/2.JPE", "dog/1.jpg", "dog/2.jpg"));
    EXPECT_THAT(data.passed_over(), ElementsAre(Pair(".psd", 2), Pair(".xcf", 1), Pair("in no class folder", 1),
                                                Pair("without a known extension", 1)));
  });
  EXPECT_THAT(log, HasSubstr("5 files are passed over: 2 .psd, 1 .xcf, 1 in no class folder, 1 without a known"));
  EXPECT_THAT(log_of([&] { find_images(folder / "cat"); }), HasSubstr("cat: 4 files are passed over: 2 .psd, 1 .xcf"));
}

TEST(ImageFolder, FollowsLinksOnceAndNeverBack) {
  TemporaryFolder folder;
  touch(folder / "data/cat/1.jpg");
  touch(folder / "data/dog/1.jpg");
  touch(folder / "elsewhere/deep/2.jpg");
  fs::create_directory_symlink(".", folder / "data/cat/a");
  fs::create_directory_symlink(".", folder / "data/cat/b");
  fs::create_directory_symlink("..", folder / "data/cat/up");
  fs::create_directory_symlink(".", folder / "data/self");
  fs::create_directory_symlink("../..", folder / "data/dog/up");
  fs::create_directory_symlink("../../elsewhere", folder / "data/dog/x");
  fs::create_directory_symlink("../../elsewhere/deep", folder / "data/dog/y");
  fs::create_directory_symlink("../..", folder / "elsewhere/deep/up");
  const ImageFolder data(folder / "data");
  EXPECT_THAT(data.class_names(), ElementsAre("cat", "dog"));
  ASSERT_EQ(data.size(), 3);
  EXPECT_EQ(data.label(2), 1);
}

TEST(ImageFolder, RefusesLinksThatPutAFolderIntoTwoClasses) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg");
  touch(folder / "dog/1.jpg");
  fs::create_directory_symlink("../dog", folder / "cat/dog");
  fs::create_directory_symlink("../cat", folder / "dog/cat");
  EXPECT_THAT(error_of<InputError>([&] { ImageFolder data(folder.path()); }),
              HasSubstr((folder / "dog").string() + ": is listed under " + (folder / "cat").string() + " already"));
}

TEST(ImageFolder, ListsALinkToNothingAndNoPipe) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg");
  fs::create_symlink("../annex/objects/none.jpg", folder / "cat/2.jpg");
  fs::create_symlink("3.jpg", folder / "cat/3.jpg");
  ASSERT_EQ(mkfifo((folder / "cat/4.jpg").c_str(), 0600), 0);
  const ImageFolder data(folder.path());
  EXPECT_THAT(files_of(data), ElementsAre("cat/1.jpg", "cat/2.jpg", "cat/3.jpg"));
  EXPECT_THAT(error_of<InputError>([&] { data.read(1); }), HasSubstr("cat/2.jpg: cannot read"));
  EXPECT_THAT(data.passed_over(), ElementsAre(Pair("no regular file", 1)));
}

TEST(ImageFolder, NamesClassesInUtf8) {
  TemporaryFolder folder;
  touch(folder / "train/caf\xE9/\xE9t\xE9.png", "summer");
  touch(folder / "train/tea/1.png");
  touch(folder / "val/cafe\xCC\x81/1.png");
  std::string log = log_of([&] {
    const ImageFolder data(folder / "train");
    EXPECT_THAT(data.class_names(), ElementsAre("café", "tea"));
    EXPECT_EQ(data.read(0).encoded, (Bytes{'s', 'u', 'm', 'm', 'e', 'r'})) << "opened by its bytes";
    EXPECT_THAT(data.read(0).name, ::testing::EndsWith("/café/été.png"));
  });
  EXPECT_THAT(log, HasSubstr("names of classes that are not UTF-8 are read as Windows-1252: 'café'"));
  const auto validation = open_dataset(folder.path(), Split::kValidation);
  EXPECT_EQ(validation->label(0), 0) << "the composed and the decomposed name are one class";
  EXPECT_THAT(validation->class_names(), ElementsAre("café", "tea"));
}

TEST(ImageFolder, ReadsCorruptedSetsOfNamesInLatin1) {
  TemporaryFolder folder;
  for (const char* name : {"caf\xE9", "tea"}) {
    make_directories(folder.path() / "data" / name);
    write_file(folder.path() / "data" / name / "1.png", encode_png(test::wavy_image(16, 16, 1)));
  }
  const ImageFolder data(folder / "data");
  CorruptSetOptions options;
  options.corruptions = {"contrast"};
  options.severities = {1};
  options.resize = options.crop = 0;
  EXPECT_EQ(corrupt_dataset(data, folder / "out", options).written, 2);
  EXPECT_EQ(ImageFolder(folder / "out/contrast/1", data.class_names()).size(), 2);
}

TEST(ImageFolder, RefusesTwoFoldersOfOneName) {
  TemporaryFolder folder;
  touch(folder / "caf\xC3\xA9/1.png");
  touch(folder / "caf\xE9/1.png");
  EXPECT_THAT(error_of<InputError>([&] { ImageFolder data(folder.path()); }),
              HasSubstr("two folders are the class 'café', in different bytes"));
  TemporaryFolder other;
  touch(other / "a\nb/1.png");
  EXPECT_THAT(error_of<InputError>([&] { ImageFolder data(other.path()); }),
              HasSubstr("a\\x0Ab: a class name with control characters"));
}

}  // namespace
}  // namespace assemble
