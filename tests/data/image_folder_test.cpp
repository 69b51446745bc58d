// SPDX-License-Identifier: Apache-2.0
#include "assemble/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assemble/core/error.h"
#include "test_support.h"

namespace assemble {
namespace {

using test::error_of;
using test::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

void touch(const fs::path& path, std::string_view content = "x") {
  make_directories(path.parent_path());
  write_file(path, content);
}

std::vector<std::string> files_of(const ImageFolder& folder) {
  std::vector<std::string> files;
  for (int64_t i = 0; i < folder.size(); ++i) files.push_back(folder.file(i).string());
  return files;
}

TEST(ImageFolder, ListsClassesAndFilesInByteOrder) {
  TemporaryFolder folder;
  for (const char* file : {"b/2.JPG", "b/10.jpeg", "a/z.png", "a/deep/er/y.WebP", "B/x.jpg", "B/w.jpg", "a/notes.txt",
                           "a/.hidden.jpg", ".git/q.jpg", "b/.cache/q.jpg"}) {
    touch(folder / file);
  }
  touch(folder / "readme.jpg");  // lies in no class
  const ImageFolder data(folder.path());
  EXPECT_THAT(data.class_names(), ElementsAre("B", "a", "b"));
  EXPECT_THAT(files_of(data), ElementsAre("B/w.jpg", "B/x.jpg", "a/deep/er/y.WebP", "a/z.png", "b/10.jpeg", "b/2.JPG"));
  EXPECT_EQ(data.label(0), 0);
  EXPECT_EQ(data.label(2), 1);
  EXPECT_EQ(data.label(5), 2);
  EXPECT_EQ(data.classes(), 3);
  EXPECT_EQ(data.where(), folder.path().string());
}

TEST(ImageFolder, ReadsBytesLabelAndName) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg", "meow");
  touch(folder / "dog/1.jpg", "");
  const ImageFolder data(folder.path());
  const Sample cat = data.read(0);
  EXPECT_EQ(cat.encoded, (Bytes{'m', 'e', 'o', 'w'}));
  EXPECT_EQ(cat.label, 0);
  EXPECT_EQ(cat.name, (folder / "cat/1.jpg").string());
  EXPECT_TRUE(data.read(1).encoded.empty());
  fs::remove(folder / "dog/1.jpg");
  EXPECT_THAT(error_of<InputError>([&] { data.read(1); }), HasSubstr("dog/1.jpg"));
}

TEST(ImageFolder, RefusesFoldersWithoutClassesOrImages) {
  TemporaryFolder folder;
  const auto message = [&](const fs::path& path) { return error_of<InputError>([&] { ImageFolder data(path); }); };
  EXPECT_THAT(message(folder.path()), HasSubstr("holds no class folders (expected one folder a class"));
  EXPECT_THAT(message(folder / "missing"), HasSubstr("missing: no such folder"));
  touch(folder / "file");
  EXPECT_THAT(message(folder / "file"), HasSubstr("is a file, expected a folder"));
  touch(folder / "cat/1.jpg");
  make_directories(folder / "dog");
  EXPECT_THAT(message(folder.path()), StartsWith((folder / "dog").string() + ": a class without images (expected"));
  touch(folder / "cat/2.txt");
  touch(folder / "dog/1.mp4");
  EXPECT_THAT(message(folder.path()), HasSubstr("dog: a class without images, but 1 .mp4 (expected"));
}

TEST(ImageFolder, OneImageInAClassIsAllowedWithAWarning) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg");
  ::testing::internal::CaptureStderr();
  const ImageFolder data(folder.path());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("a class has a single image: cat"));
  EXPECT_EQ(data.size(), 1);
}

TEST(ImageFolder, ManySuchClassesAreOneWarning) {
  TemporaryFolder folder;
  for (const char* name : {"a", "b", "c", "d", "e"}) touch(folder / name / "1.jpg");
  ::testing::internal::CaptureStderr();
  const ImageFolder data(folder.path());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("classes have a single image: a, b, c and 2 more"));
}

TEST(ImageFolder, TakesLabelsFromTheClassesExpected) {
  TemporaryFolder folder;
  touch(folder / "cat/1.jpg");
  touch(folder / "ant/1.jpg");
  const ImageFolder data(folder.path(), {"dog", "cat", "ant"});
  EXPECT_EQ(data.size(), 2);
  EXPECT_EQ(data.label(0), 1);
  EXPECT_EQ(data.label(1), 2);
  EXPECT_EQ(data.classes(), 3);
  EXPECT_THAT(error_of<InputError>([&] {
                ImageFolder wrong(folder.path(), {"dog", "cat", "ants"});
              }),
              HasSubstr("ant: is none of the 3 classes expected; the nearest is 'ants'"));
}

TEST(ImageFolder, FollowsLinkedFolders) {
  TemporaryFolder folder;
  touch(folder / "elsewhere/1.jpg");
  make_directories(folder / "data");
  fs::create_directory_symlink(folder / "elsewhere", folder / "data/cat");
  EXPECT_EQ(ImageFolder(folder / "data").size(), 1);
}

TEST(FindImages, TakesAFileOrAFolder) {
  TemporaryFolder folder;
  touch(folder / "b.png");
  touch(folder / "a/c.jpg");
  touch(folder / "notes.txt");
  EXPECT_THAT(find_images(folder.path()), ElementsAre(folder / "a/c.jpg", folder / "b.png"));
  EXPECT_THAT(find_images(folder / "notes.txt"), ElementsAre(folder / "notes.txt"));
  EXPECT_THAT(error_of<InputError>([&] { find_images(folder / "none"); }), HasSubstr("no such file or folder"));
  make_directories(folder / "empty");
  EXPECT_THAT(error_of<InputError>([&] { find_images(folder / "empty"); }), HasSubstr("holds no images"));
}

}  // namespace
}  // namespace assemble
